import { ScheduleInfo, SchedulePage } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import {
  printSchedule,
  ruleText,
  scheduleState,
  scheduleStyle,
  sourceText,
} from "../output/schedule-page.ts";
import { printPage } from "../output/page.ts";
import type { Column } from "../output/table.ts";
import { jsonOption, wholeNumber } from "./options.ts";
import { addPauseOptions, type PauseOptions, pauseBody } from "./pause-options.ts";
import { scheduleBackfillCommand } from "./schedule-backfill.ts";
import { scheduleOccurrencesCommand } from "./schedule-occurrences.ts";
import { schedulePreviewCommand } from "./schedule-preview.ts";
import { scheduleChangeCommand, scheduleCreateCommand } from "./schedule-write.ts";

const COLUMNS: Column<ScheduleInfo>[] = [
  { title: "SCHEDULE", text: ({ name }) => name },
  { title: "JOB", text: ({ job }) => job },
  { title: "RULE", text: ({ rule }) => ruleText(rule) },
  { title: "NEXT", text: ({ nextAt }) => nextAt && nextAt.replace(".000Z", "Z") },
  { title: "STATE", text: scheduleState, style: scheduleStyle },
  { title: "FROM", text: sourceText },
];

export function schedulesCommand(cli: Cli): Command {
  return listOptions(new Command("schedules"))
    .description("list schedules: when jobs start by themselves, and where that is said")
    .helpCommand(false)
    .action(cli.action((options: ListOptions) => list(cli, options)))
    .addCommand(
      listOptions(new Command("list"))
        .description("the same")
        .action(cli.action((options: ListOptions) => list(cli, options))),
    )
    .addCommand(showCommand(cli))
    .addCommand(scheduleCreateCommand(cli))
    .addCommand(scheduleChangeCommand(cli))
    .addCommand(addPauseOptions(switchCommand(cli, "pause", "skip what is due, on record")))
    .addCommand(switchCommand(cli, "resume", "fire what is due again"))
    .addCommand(removeCommand(cli))
    .addCommand(schedulePreviewCommand(cli))
    .addCommand(scheduleBackfillCommand(cli))
    .addCommand(scheduleOccurrencesCommand(cli));
}

interface ListOptions {
  job?: string;
  limit: number;
  cursor?: string;
  json?: boolean;
}

function listOptions(command: Command): Command {
  return command
    .option("--job <name>", "of this job only")
    .option("--limit <n>", "how many, 1 to 200", wholeNumber(1, 200), 50)
    .option("--cursor <cursor>", "go on where the last page ended")
    .addOption(jsonOption());
}

async function list(cli: Cli, { json, ...query }: ListOptions): Promise<number> {
  const page = await apiClient(cli).get("schedules", SchedulePage, { ...query });
  return printPage(
    cli,
    { rows: page.schedules, nextCursor: page.nextCursor },
    { json, none: "No schedules.", columns: COLUMNS },
  );
}

function showCommand(cli: Cli): Command {
  return new Command("show")
    .description("show one: its rule, its policies, and what code says of it")
    .argument("<name>", "its name")
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, { json }: { json?: boolean }) => {
        const schedule = await apiClient(cli).get(`schedules/${segment(name)}`, ScheduleInfo);
        if (json) cli.out.line(harmlessJson({ v: 1, ...schedule }));
        else printSchedule(cli.out, schedule);
        return EXIT.done;
      }),
    );
}

function switchCommand(cli: Cli, verb: "pause" | "resume", description: string): Command {
  return new Command(verb)
    .description(description)
    .argument("<name>", "its name")
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, options: { json?: boolean } & PauseOptions) => {
        const path = `schedules/${segment(name)}/${verb}`;
        const schedule = await apiClient(cli).post(path, pauseBody(options), ScheduleInfo);
        if (options.json) cli.out.line(harmlessJson({ v: 1, ...schedule }));
        else cli.out.line(`${harmless(name)}: ${harmless(scheduleState(schedule))}`);
        return EXIT.done;
      }),
    );
}

function removeCommand(cli: Cli): Command {
  return new Command("rm")
    .description("remove a schedule; its ledger and its runs stay")
    .argument("<name>", "its name")
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, { json }: { json?: boolean }) => {
        const schedule = await apiClient(cli).delete(`schedules/${segment(name)}`, ScheduleInfo);
        if (json) cli.out.line(harmlessJson({ v: 1, ...schedule }));
        else cli.out.line(`${harmless(name)} is removed`);
        return EXIT.done;
      }),
    );
}

import { MillraceError, previewOccurrences, scheduleRule } from "@millrace/core";
import { type OccurrencePreview, SchedulePreview } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmlessJson } from "../output/harmless.ts";
import { type Column, printTable } from "../output/table.ts";
import { jsonOption, wholeNumber } from "./options.ts";
import { instantOption } from "./pause-options.ts";
import { addRuleOptions, RULE_HELP, type RuleFlags, ruleOf } from "./schedule-rule-options.ts";

const HELP = `
A cron expression, --every, --at or --calendar needs no server; the name of a schedule asks the server.

  millrace schedules preview "30 1 * * *" --tz Europe/Lisbon --from 2027-03-27T00:00:00Z --count 3
  millrace schedules preview nightly --json
${RULE_HELP}`;

const COLUMNS: Column<OccurrencePreview>[] = [
  { title: "AT", text: ({ at }) => at.replace(".000Z", "Z") },
  { title: "LOCAL", text: ({ local }) => local },
  {
    title: "NOTE",
    text: ({ note, blackout }) =>
      [blackout && `skipped: ${blackout}`, note && `! ${note}`].filter(Boolean).join("; "),
    style: ({ note, blackout }) => (note || blackout ? "yellow" : undefined),
  },
];

export function schedulePreviewCommand(cli: Cli): Command {
  const command = new Command("preview")
    .description("show when a rule, or a schedule, fires next; changes of the clocks are marked")
    .argument("[rule]", "a cron expression, or the name of a schedule");
  return addRuleOptions(command, { cron: false })
    .option("--from <instant>", "the first instant that may be shown (default now)", instantOption)
    .option("--count <n>", "how many, 1 to 1000", wholeNumber(1, 1000), 5)
    .option("--name <name>", "of the schedule that is to be: jitter comes from it", "")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(
      cli.action((rule: string | undefined, options: Options) => preview(cli, rule, options)),
    );
}

interface Options extends RuleFlags {
  from?: string;
  count: number;
  name: string;
  json?: boolean;
}

async function preview(cli: Cli, given: string | undefined, options: Options): Promise<number> {
  const occurrences = await occurrencesOf(cli, given, options);
  if (options.json) {
    for (const occurrence of occurrences) cli.out.line(harmlessJson({ v: 1, ...occurrence }));
  } else if (occurrences.length === 0) cli.err.line("Nothing is to come.");
  else printTable(cli.out, COLUMNS, occurrences);
  return EXIT.done;
}

async function occurrencesOf(
  cli: Cli,
  given: string | undefined,
  { from, count, name, ...flags }: Options,
): Promise<OccurrencePreview[]> {
  const { json: _, ...rule } = flags;
  const options = ruleOf(rule, cli.cwd);
  if (given !== undefined && isName(given)) {
    if (Object.keys(options).length > 0) {
      throw new MillraceError(
        "invalid_usage",
        `${given} is read as the name of a schedule, which has a rule; leave the other options out`,
      );
    }
    const path = `schedules/${segment(given)}/preview`;
    return (await apiClient(cli).get(path, SchedulePreview, { from, count })).occurrences;
  }
  const cron = given === undefined ? {} : { cron: given };
  const after = from === undefined ? Date.now() : Date.parse(from) - 1;
  return previewOccurrences(scheduleRule({ ...cron, ...options }), name, after, count);
}

/** A cron expression has blanks, or is a macro. */
function isName(text: string): boolean {
  return !/[\s@*]/.test(text.trim());
}

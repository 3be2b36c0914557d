import { type Json, MISSED, MillraceError, OVERLAPS } from "@millrace/core";
import { type ChangeSchedule, type CreateSchedule, ScheduleInfo } from "@millrace/core/api";
import { Command, Option } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmlessJson } from "../output/harmless.ts";
import { printSchedule } from "../output/schedule-page.ts";
import { readInput } from "../read-input.ts";
import { jsonOption, wholeNumber } from "./options.ts";
import { checkedDuration } from "./pause-options.ts";
import { addRuleOptions, RULE_HELP, type RuleFlags, ruleOf } from "./schedule-rule-options.ts";

interface Options extends RuleFlags {
  job?: string;
  input?: string;
  inputFile?: string;
  overlap?: ScheduleInfo["overlap"];
  missed?: ScheduleInfo["missed"];
  missedLimit?: number;
  grace?: string;
  json?: boolean;
}

const CREATE_HELP = `
  millrace schedules create nightly --job report --cron "30 1 * * *" --tz Europe/Lisbon --input '{"month":"2027-01"}'
${RULE_HELP}`;

export function scheduleCreateCommand(cli: Cli): Command {
  const command = new Command("create")
    .description("create a schedule; give one of --cron, --every, --at, --calendar")
    .argument("<name>", "its name")
    .requiredOption("--job <name>", "what it starts");
  return withOptions(command)
    .addHelpText("after", CREATE_HELP)
    .action(
      cli.action(async (name: string, options: Options) => {
        const body = { name, ...(await bodyOf(cli, options)) } as CreateSchedule;
        return show(cli, options, await apiClient(cli).post("schedules", body, ScheduleInfo));
      }),
    );
}

const CHANGE_HELP = `
What is not given stays. --none takes away start, end, jitter or blackouts. What code says of the schedule holds no more
until --reset.

  millrace schedules change nightly --cron "0 2 * * *" --none jitter
${RULE_HELP}`;

const REMOVABLE = ["start", "end", "jitter", "blackouts"];

export function scheduleChangeCommand(cli: Cli): Command {
  const command = new Command("change")
    .description("change a schedule, also one that code defines")
    .argument("<name>", "its name")
    .option("--job <name>", "what it starts");
  return withOptions(command)
    .addOption(new Option("--none <parts...>", "take away").choices(REMOVABLE))
    .option("--reset", "back to what code says of it")
    .addHelpText("after", CHANGE_HELP)
    .action(
      cli.action(async (name: string, options: Options & { none?: string[]; reset?: boolean }) => {
        const body = {
          ...(await bodyOf(cli, options)),
          ...Object.fromEntries((options.none ?? []).map((part) => [part, null])),
        } as ChangeSchedule;
        const path = `schedules/${segment(name)}`;
        const api = apiClient(cli);
        if (!options.reset) return show(cli, options, await api.patch(path, body, ScheduleInfo));
        if (Object.keys(body).length > 0) {
          throw new MillraceError("invalid_usage", "--reset takes all back; give it alone");
        }
        return show(cli, options, await api.post(`${path}/reset`, {}, ScheduleInfo));
      }),
    );
}

function withOptions(command: Command): Command {
  return addRuleOptions(command, { cron: true })
    .option("--input <json>", "what its runs get (default {})")
    .option("--input-file <file>", "the same from a file")
    .addOption(new Option("--overlap <policy>", "while a run of it is open").choices(OVERLAPS))
    .addOption(new Option("--missed <policy>", "what nobody fired in time").choices(MISSED))
    .option("--missed-limit <n>", "with --missed all: so many", wholeNumber(1, 1000))
    .option("--grace <duration>", "how late is in time (default 1m)", checkedDuration)
    .addOption(jsonOption());
}

async function bodyOf(cli: Cli, options: Options): Promise<object> {
  const { job, input, inputFile, overlap, missed, missedLimit, grace } = options;
  const read: Json | undefined = await readInput(
    { json: input, file: inputFile },
    cli.cwd,
    cli.stdin,
  );
  const given = { job, input: read, overlap, missed, missedLimit, grace };
  return {
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    ...ruleOf(options, cli.cwd),
  };
}

function show(cli: Cli, { json }: Options, schedule: ScheduleInfo): number {
  if (json) cli.out.line(harmlessJson({ v: 1, ...schedule }));
  else printSchedule(cli.out, schedule);
  return EXIT.done;
}

import { readFileSync } from "node:fs";
import path from "node:path";
import {
  type Blackout,
  type Calendar,
  MillraceError,
  type RuleOptions,
  type Weekday,
} from "@millrace/core";
import { type Command, InvalidArgumentError } from "commander";
import { checkedDuration, instantOption } from "./pause-options.ts";

/** What the commands take that have to do with a rule. */
export interface RuleFlags {
  cron?: string;
  every?: string;
  anchor?: string;
  at?: string;
  calendar?: string;
  tz?: string;
  start?: string;
  end?: string;
  jitter?: string;
  blackout?: Blackout[];
}

export const RULE_HELP = `
A blackout is a time of day, on some days or all, or a stretch of time:
  --blackout "22:00-06:00" --blackout "sat,sun 00:00-00:00" --blackout 2027-12-24T00:00:00Z/2027-12-27T00:00:00Z

A calendar is JSON, in place or in a file (@FILE); docs/schedules.md has its fields:
  --calendar '{"at":"09:00","weekdays":["tue"],"everyWeeks":2,"from":"2027-01-05"}'`;

export function addRuleOptions(command: Command, { cron }: { cron: boolean }): Command {
  if (cron) command.option("--cron <expression>", 'such as "30 1 * * mon-fri"');
  return command
    .option("--every <duration>", "every so long, by absolute time", checkedDuration)
    .option("--anchor <instant>", "with --every: an instant that it meets", instantOption)
    .option("--at <instant>", "one instant", instantOption)
    .option("--calendar <json>", "days that cron cannot name")
    .option("--tz <zone>", "time zone of the IANA database (default UTC)")
    .option("--start <instant>", "nothing before", instantOption)
    .option("--end <instant>", "nothing from then on", instantOption)
    .option("--jitter <duration>", "each fires up to so much later", checkedDuration)
    .option("--blackout <window>", "skip what lies in it; may be repeated", blackouts);
}

/**
 * The rule as the API takes it.
 *
 * @throws MillraceError `invalid_usage` for a calendar that is no JSON
 */
export function ruleOf(flags: RuleFlags, cwd: string): RuleOptions {
  const { cron, every, anchor, at, calendar, tz, start, end, jitter, blackout } = flags;
  const options = {
    cron,
    every,
    anchor,
    at,
    calendar: calendar === undefined ? undefined : calendarOf(calendar, cwd),
    timeZone: tz,
    start,
    end,
    jitter,
    blackouts: blackout,
  };
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given);
}

function calendarOf(given: string, cwd: string): Calendar {
  try {
    const json = given.startsWith("@")
      ? readFileSync(path.resolve(cwd, given.slice(1)), "utf8")
      : given;
    return JSON.parse(json) as Calendar;
  } catch (error) {
    throw new MillraceError(
      "invalid_usage",
      `--calendar: ${(error as Error).message}; write JSON, or @ and a file with it`,
    );
  }
}

function blackouts(text: string, before: Blackout[] = []): Blackout[] {
  const stretch = /^(\S+T\S+)\/(\S+T\S+)$/.exec(text);
  if (stretch) return [...before, { from: stretch[1]!, until: stretch[2]! }];
  const daily = /^(?:([a-z]{3}(?:,[a-z]{3})*) )?(\d\d:\d\d)-(\d\d:\d\d)$/.exec(text);
  if (!daily) {
    throw new InvalidArgumentError(
      'Write for example "22:00-06:00", "sat,sun 00:00-00:00" or two instants with a slash between.',
    );
  }
  const [, days, from, until] = daily;
  const window = { from: from!, until: until! };
  return [...before, days ? { days: days.split(",") as Weekday[], ...window } : window];
}

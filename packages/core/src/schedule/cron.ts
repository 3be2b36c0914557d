import { Cron, CronPattern } from "croner";
import { MillraceError } from "../errors.ts";
import { DAY, type TimesOfDay, type WallRule, dayTimes } from "./wall-rule.ts";

const MACROS: Record<string, string> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

/** Expressions whose rules are kept: thousands of schedules share a few. */
const MAX_KEPT = 5000;

const kept = new Map<string, WallRule>();

/**
 * Reads a cron expression of five fields, or six with seconds in front. The library reads it and finds the days, on a
 * clock that never changes; the times of a day come from its fields. What a zone's clocks do is not left to it.
 *
 * @throws MillraceError `invalid_schedule`
 */
export function cronRule(expression: string): WallRule {
  const known = kept.get(expression);
  if (known) return known;
  const rule = read(expression);
  if (kept.size >= MAX_KEPT) kept.clear();
  kept.set(expression, rule);
  return rule;
}

function read(expression: string): WallRule {
  const fields = fieldsOf(expression);
  const pattern = patternOf(fields, expression);
  const days = new Cron(`0 0 0 ${fields.slice(3).join(" ")}`, { utcOffset: 0 });
  const times = timesOf(pattern);
  return {
    everyHour: pattern.hour.every((named) => named === 1),
    next: dayTimes(
      remembered((after) => days.nextRun(new Date(after))?.getTime() ?? null),
      times,
    ),
  };
}

function fieldsOf(expression: string): string[] {
  if (typeof expression !== "string") throw invalid(expression, "it must be text");
  const text = expression.trim();
  const fields = (MACROS[text.toLowerCase()] ?? text).split(/\s+/);
  if (fields.length === 6) return fields;
  if (fields.length === 5) return ["0", ...fields];
  throw invalid(
    expression,
    text.startsWith("@")
      ? `the macros are ${Object.keys(MACROS).join(", ")}`
      : "it has five fields (minute, hour, day of month, month, day of week), or six with seconds in front",
  );
}

function patternOf(fields: readonly string[], expression: string): CronPattern {
  try {
    const pattern = new CronPattern(fields.join(" "));
    // A day that never comes, such as 30 February, would be searched for at every turn.
    if (new Cron(fields.join(" "), { utcOffset: 0 }).nextRun(new Date(0))) return pattern;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw invalid(expression, message.replace(/^CronPattern: /, ""));
  }
  throw invalid(expression, "no day of any year is like this");
}

function timesOf({ hour, minute, second }: CronPattern): TimesOfDay {
  const hours = named(hour);
  const minutes = named(minute);
  const seconds = named(second);
  const at = (h: number, m: number, s: number) => ((h * 60 + m) * 60 + s) * 1000;
  const first = at(0, minutes[0]!, seconds[0]!);
  return {
    first: at(hours[0]!, 0, 0) + first,
    next(after) {
      const whole = Math.floor(after / 1000) + 1;
      const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
      if (hour[h] === 1) {
        if (minute[m] === 1) {
          const sameMinute = seconds.find((value) => value >= s);
          if (sameMinute !== undefined) return at(h, m, sameMinute);
        }
        const sameHour = minutes.find((value) => value > m);
        if (sameHour !== undefined) return at(h, sameHour, seconds[0]!);
      }
      const later = hours.find((value) => value > h);
      return later === undefined ? null : at(later, 0, 0) + first;
    },
  };
}

function named(flags: readonly number[]): number[] {
  return flags.flatMap((flag, value) => (flag === 1 ? [value] : []));
}

/** The library takes 0.2 ms to find a day, and is asked for the same two again and again. */
function remembered(nextDay: (after: number) => number | null): (after: number) => number | null {
  const last = new Map<number, number | null>();
  return (after) => {
    const day = last.get(after);
    if (day !== undefined) return day;
    if (last.size > 400) last.clear();
    const found = nextDay(after);
    last.set(after, found);
    // Whatever day is asked for between has the same answer; the day before it is asked for next.
    if (found !== null) last.set(found - DAY, found);
    return found;
  };
}

function invalid(expression: unknown, why: string): MillraceError {
  return new MillraceError(
    "invalid_schedule",
    `cron: ${JSON.stringify(expression)} is no cron expression: ${why}`,
  );
}

import { durationMs } from "../duration.ts";
import { MillraceError } from "../errors.ts";
import { type Blackout, blackoutReader } from "./blackout.ts";
import { type Calendar, calendarRule } from "./calendar.ts";
import { cronRule } from "./cron.ts";
import { type DstMark, type Firing, nextInZone } from "./in-zone.ts";
import { instantOf } from "./instant.ts";
import { jitterOf } from "./jitter.ts";
import { Zone } from "./zone.ts";

/** When a schedule fires, as people write it: exactly one of `cron`, `every`, `at` and `calendar`. */
export interface RuleOptions {
  /** Five fields, or six with seconds in front, with names, ranges, steps, lists, `L`, `W` and `#`; or a macro such as `@daily`. */
  cron?: string;
  /** A length of time from `'1s'` to `'3650d'`: every so long from `anchor` on, and back; by absolute time, whatever clocks do. */
  every?: string;
  /** An instant that `every` meets. Default: 1970-01-01T00:00:00Z, so every 15m is at :00, :15, :30 and :45. */
  anchor?: string | Date;
  /** One instant, once. */
  at?: string | Date;
  /** Days that cron cannot name. */
  calendar?: Calendar;
  /** Of the IANA database. Default `'UTC'`. */
  timeZone?: string;
  /** Nothing before this instant. */
  start?: string | Date;
  /** Nothing at or after this instant. */
  end?: string | Date;
  /** Each occurrence fires up to so much later, always the same for the same occurrence. Up to `'1d'`. */
  jitter?: string;
  /** Occurrences in these windows are skipped. */
  blackouts?: readonly Blackout[];
}

/** The same, checked, as it is stored. */
export interface Rule {
  readonly cron?: string;
  readonly everyMs?: number;
  readonly anchor?: string;
  readonly at?: string;
  readonly calendar?: Calendar;
  readonly timeZone: string;
  readonly start?: string;
  readonly end?: string;
  readonly jitterMs?: number;
  readonly blackouts?: readonly Blackout[];
}

/** One planned instant of a rule. Instants are milliseconds of Unix time. */
export interface Occurrence {
  /** The instant that the rule names. */
  readonly nominal: number;
  /** When it fires: the same, plus jitter. */
  readonly at: number;
  /** The wall time that the rule names, such as `2027-03-28T01:30:00`; in a gap, the clock never shows it. */
  readonly wall: string;
  readonly dst: DstMark | null;
  /** The blackout that it lies in, in words. */
  readonly blackout: string | null;
}

/** The first occurrence after an instant; null when there is none any more. */
export type Next = (after: number) => Occurrence | null;

/** The names of {@link RuleOptions}. */
export const RULE_OPTIONS = [
  "cron",
  "every",
  "anchor",
  "at",
  "calendar",
  "timeZone",
  "start",
  "end",
  "jitter",
  "blackouts",
] as const satisfies (keyof RuleOptions)[];

const MAX_JITTER_MS = 86_400_000;

/** @throws MillraceError `invalid_schedule` or `invalid_duration`, naming the option */
export function scheduleRule(options: RuleOptions): Rule {
  const { cron, every, anchor, at, calendar, timeZone = "UTC", jitter, blackouts } = options;
  if ([cron, every, at, calendar].filter((given) => given !== undefined).length !== 1) {
    refuse("give exactly one of cron, every, at and calendar");
  }
  if (anchor !== undefined && every === undefined) refuse("anchor: it goes with every");
  const rule: Rule = {
    ...(cron !== undefined && { cron: String(cron).trim() }),
    ...(every !== undefined && { everyMs: everyMs(every) }),
    ...(anchor !== undefined && { anchor: stored(anchor, "anchor") }),
    ...(at !== undefined && { at: stored(at, "at") }),
    ...(calendar !== undefined && { calendar }),
    timeZone,
    ...(options.start !== undefined && { start: stored(options.start, "start") }),
    ...(options.end !== undefined && { end: stored(options.end, "end") }),
    ...(jitter !== undefined && { jitterMs: jitterMs(jitter) }),
    ...(blackouts?.length && { blackouts }),
  };
  if (rule.start !== undefined && rule.end !== undefined && rule.end <= rule.start) {
    refuse("end: it must be after start");
  }
  // Reads every part of it.
  occurrencesOf(rule, "");
  return rule;
}

/**
 * The occurrences of a rule, one after the other: a pure function of the rule, the schedule's name and the instant.
 *
 * @param name of the schedule, from which its jitter comes
 * @throws MillraceError `invalid_schedule`
 */
export function occurrencesOf(rule: Rule, name: string): Next {
  const zone = Zone.of(rule.timeZone);
  const blackoutAt = blackoutReader(rule.blackouts ?? [], zone);
  const nextFiring = firingsOf(rule, zone);
  const start = rule.start === undefined ? -Infinity : instantOf(rule.start, "start");
  const end = rule.end === undefined ? Infinity : instantOf(rule.end, "end");
  return (after) => {
    const firing = nextFiring(Math.max(after, start - 1));
    if (!firing || firing.instant >= end) return null;
    const { instant: nominal, wall, dst } = firing;
    return {
      nominal,
      at: nominal + jitterOf(name, nominal, rule.jitterMs ?? 0),
      wall: new Date(wall).toISOString().slice(0, 19),
      dst,
      blackout: blackoutAt(nominal),
    };
  };
}

function firingsOf(rule: Rule, zone: Zone): (after: number) => Firing | null {
  if (rule.at !== undefined) {
    const at = instantOf(rule.at, "at");
    return (after) => (at > after ? absolute(at, zone) : null);
  }
  if (rule.everyMs !== undefined) {
    const every = rule.everyMs;
    const anchor = rule.anchor === undefined ? 0 : instantOf(rule.anchor, "anchor");
    return (after) => absolute(anchor + (Math.floor((after - anchor) / every) + 1) * every, zone);
  }
  const wallRule =
    rule.cron !== undefined
      ? cronRule(rule.cron)
      : rule.calendar !== undefined
        ? calendarRule(rule.calendar)
        : refuse("the rule has none of cron, everyMs, at and calendar");
  return (after) => nextInZone(wallRule, zone, after);
}

function absolute(instant: number, zone: Zone): Firing {
  return { instant, wall: zone.wallAt(instant), dst: null };
}

function everyMs(text: string): number {
  const ms = durationMs(text, "every");
  if (ms >= 1000 && ms <= 3650 * 86_400_000) return ms;
  return refuse(`every: ${JSON.stringify(text)} is not from 1s to 3650d`);
}

function jitterMs(text: string): number {
  const ms = durationMs(text, "jitter");
  return ms <= MAX_JITTER_MS ? ms : refuse("jitter: it may be up to 1d");
}

function stored(given: string | Date, field: string): string {
  return new Date(instantOf(given, field)).toISOString();
}

function refuse(why: string): never {
  throw new MillraceError("invalid_schedule", why);
}

import type { CronReference } from "./cron-reference.ts";

const HOUR = 3_600_000;
const DAY = 86_400_000;

/** How a zone's clocks run from an instant to another: asked of the runtime hour by hour, and to the second at a change. */
export interface ZoneClock {
  zone: string;
  from: number;
  until: number;
  /** From `at` on, the clocks are `offset` ahead of UTC. */
  stretches: { at: number; offset: number }[];
}

export function watchClock(zone: string, from: number, until: number): ZoneClock {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  const offsetAt = (instant: number) => {
    const [month, day, year, hour, minute, second] = format
      .format(instant)
      .split(/\D+/)
      .map(Number);
    return Date.UTC(year!, month! - 1, day, hour, minute, second) - instant;
  };
  const stretches = [{ at: from, offset: offsetAt(from) }];
  for (let hour = from + HOUR; hour <= until; hour += HOUR) {
    const { offset } = stretches.at(-1)!;
    if (offsetAt(hour) === offset) continue;
    let at = hour - HOUR;
    while (offsetAt(at) === offset) at += 1000;
    stretches.push({ at, offset: offsetAt(at) });
  }
  return { zone, from, until, stretches };
}

/**
 * The instants at which a rule fires, found by watching the clock tick by tick, as docs/schedules.md has it: a rule that
 * names every hour fires whenever the clock shows a time that it names; any other at the tick at which the clock has come
 * to a time that it names, or has leapt over it, and never at a time that was shown before.
 *
 * @param tick 60,000, or 1,000 for rules with seconds
 */
export function watchRule(
  clock: ZoneClock,
  rule: CronReference,
  tick: number,
  from = clock.from,
  until = clock.until,
): number[] {
  const fired: number[] = [];
  const names = nameReader(rule);
  const first = clock.stretches.findLast(({ at }) => at <= from)!;
  let shown = from + first.offset - tick;
  for (const [index, { at, offset }] of clock.stretches.entries()) {
    const end = Math.min(until, clock.stretches[index + 1]?.at ?? until);
    for (let instant = Math.max(at, from); instant < end; instant += tick) {
      const wall = instant + offset;
      if (rule.everyHour) {
        if (names(wall)) fired.push(instant);
        continue;
      }
      let due = false;
      for (let time = shown + tick; time <= wall; time += tick) due ||= names(time);
      if (due) fired.push(instant);
      shown = Math.max(shown, wall);
    }
  }
  return fired;
}

/** Days are looked at once each. */
function nameReader(rule: CronReference): (wall: number) => boolean {
  let day = NaN;
  let named = false;
  return (wall) => {
    const today = Math.floor(wall / DAY);
    if (today !== day) {
      day = today;
      named = rule.matchesDay(today * DAY);
    }
    if (!named) return false;
    const seconds = (wall - today * DAY) / 1000;
    return rule.matchesTime(
      seconds % 60,
      Math.floor(seconds / 60) % 60,
      Math.floor(seconds / 3600),
    );
  };
}

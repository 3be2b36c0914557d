import { MillraceError } from "../errors.ts";
import { timeOfDay, type Weekday, weekdayOf, weekdaysOf } from "./calendar.ts";
import { instantOf } from "./instant.ts";
import { DAY } from "./wall-rule.ts";
import type { Zone } from "./zone.ts";

/**
 * A time in which nothing fires: from an instant to another, or by the zone's clock every day, or on some weekdays. An
 * end that is not after its beginning is on the next day: from 22:00 until 06:00. Its end is not part of it.
 */
export type Blackout =
  | { readonly from: string; readonly until: string }
  | { readonly days?: readonly Weekday[]; readonly from: string; readonly until: string };

/**
 * The reader of a rule's blackouts: in which an instant lies, in words; null for none.
 *
 * @throws MillraceError `invalid_schedule`
 */
export function blackoutReader(
  blackouts: readonly Blackout[],
  zone: Zone,
): (instant: number) => string | null {
  if (!Array.isArray(blackouts) || blackouts.length > 100) {
    refuse("it must be a list of up to 100 windows");
  }
  const readers = blackouts.map((blackout) => readerOf(blackout, zone));
  return (instant) => {
    for (const read of readers) {
      const found = read(instant);
      if (found !== null) return found;
    }
    return null;
  };
}

function readerOf(blackout: Blackout, zone: Zone): (instant: number) => string | null {
  const unknown = Object.keys(blackout).find((key) => !["days", "from", "until"].includes(key));
  if (unknown) refuse(`${unknown} is not a field; the fields are days, from, until`);
  const { from, until } = blackout;
  const days = "days" in blackout ? blackout.days : undefined;
  const words = `blackout ${days ? `${days.join(", ")} ` : ""}${from} to ${until}`;
  if (!/^\d\d:/.test(String(from))) {
    if (days) refuse("days go with times of day, such as 22:00");
    const [begin, end] = [instantOf(from, "blackouts.from"), instantOf(until, "blackouts.until")];
    if (end <= begin) refuse("until must be after from");
    return (instant) => (instant >= begin && instant < end ? words : null);
  }
  const [begin, end] = [timeOfDay(from, "blackouts.from"), timeOfDay(until, "blackouts.until")];
  const named = days && new Set(weekdaysOf(days, "blackouts.days"));
  const on = (day: number) => !named || named.has(weekdayOf(day));
  return (instant) => {
    const wall = zone.wallAt(instant);
    const day = Math.floor(wall / DAY) * DAY;
    const time = wall - day;
    const within =
      begin < end
        ? on(day) && time >= begin && time < end
        : (on(day) && time >= begin) || (on(day - DAY) && time < end);
    return within ? words : null;
  };
}

function refuse(why: string): never {
  throw new MillraceError("invalid_schedule", `blackouts: ${why}`);
}

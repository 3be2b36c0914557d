import { occurrencesOf, scheduleRule } from "@millrace/core";
import { type ZoneClock, watchRule } from "./clock-reference.ts";
import { readCron } from "./cron-reference.ts";

/** The first instant at which product and reference differ, in words; undefined when they agree. */
export function difference(
  clock: ZoneClock,
  cron: string,
  tick: number,
  from: number,
  until: number,
): string | undefined {
  const wanted = watchRule(clock, readCron(cron), tick, from, until);
  const next = occurrencesOf(scheduleRule({ cron, timeZone: clock.zone }), "compared");
  let after = from - 1;
  for (const instant of wanted) {
    const found = next(after)?.nominal;
    if (found !== instant) return differ(clock, cron, after, instant, found);
    after = instant;
  }
  const further = next(after)?.nominal;
  // What is due exactly at the end was not watched.
  if (further !== undefined && further < until)
    return differ(clock, cron, after, undefined, further);
  return undefined;
}

function differ({ zone }: ZoneClock, cron: string, after: number, wanted?: number, found?: number) {
  const text = (at: number | undefined) =>
    at === undefined ? "nothing" : new Date(at).toISOString();
  return `${cron} in ${zone} after ${text(after)}: ${text(found)} instead of ${text(wanted)}`;
}

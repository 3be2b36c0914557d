import { occurrencesOf, type Rule } from "./rule.ts";

const MINUTE = 60_000;

/** Whether a rule names two instants that are less than a minute apart, after an instant. */
export function isFinerThanMinutes(rule: Rule, after: number): boolean {
  const next = occurrencesOf(rule, "");
  let last = next(after);
  for (let n = 0; last && n < instantsToCompare(rule); n++) {
    const following = next(last.nominal);
    if (following && following.nominal - last.nominal < MINUTE) return true;
    last = following;
  }
  return false;
}

/** Cron that names two seconds names both in each minute, and an interval is the same everywhere; a calendar lists the times of a day. */
function instantsToCompare({ calendar }: Rule): number {
  return calendar && typeof calendar.at !== "string" ? calendar.at.length : 2;
}

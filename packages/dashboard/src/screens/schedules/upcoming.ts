import { type PreviewedOccurrence, type Rule, previewOccurrences } from "@millrace/core";
import type { ScheduleInfo } from "@millrace/core/api";

/** What is looked at of a schedule that fires all the time: more would be no help, and slow. */
const MOST = 400;

/** The rule as the code reads it that the server reads it by, so that what is shown is what will be. */
function ruleOf({ rule }: Pick<ScheduleInfo, "rule">): Rule {
  const there = Object.entries(rule).filter(([, value]) => value !== null);
  return Object.fromEntries(there) as unknown as Rule;
}

interface Upcoming {
  occurrences: readonly PreviewedOccurrence[];
  /** Whether there are more than were looked at. */
  more: boolean;
}

/** When a schedule fires between two instants, blackouts left out. One whose rule cannot be read does not; the server says so as its problem. */
export function upcomingOf(
  schedule: Pick<ScheduleInfo, "name" | "rule">,
  from: number,
  until: number,
  most: number = MOST,
): Upcoming {
  const found: PreviewedOccurrence[] = [];
  try {
    const rule = ruleOf(schedule);
    // In portions that grow: one that fires rarely is not reckoned for years ahead.
    for (let after = from - 1, portion = 4; found.length < most; portion *= 2) {
      const count = Math.min(portion, most - found.length);
      const next = previewOccurrences(rule, schedule.name, after, count);
      found.push(...next);
      const last = next.at(-1);
      if (!last || next.length < count || Date.parse(last.at) >= until) break;
      after = Date.parse(last.nominal);
    }
  } catch {
    return { occurrences: [], more: false };
  }
  const within = found.filter(({ at }) => Date.parse(at) < until);
  return {
    occurrences: within.filter(({ blackout }) => blackout === null),
    more: within.length === most,
  };
}

/** Whether it will fire at an instant: not within its pause. */
export function isPausedAt({ paused }: Pick<ScheduleInfo, "paused">, at: string): boolean {
  return paused !== null && (paused.until === null || at < paused.until);
}

import { type FollowLog, LOG_LEVELS, type LogLine } from "@millrace/core/api";
import { saidBy } from "../engine/search/line-query.ts";

/** Which lines of a run's log somebody wants. */
export type Wanted = Omit<FollowLog, "after"> & { readonly after?: number | undefined };

/** Of the attempt in question, or of all: a line's number begins with its attempt. */
const PER_ATTEMPT = 100_000;

/** That level and what is above it; null for all. */
export function levelsFrom(least: Wanted["level"]): string[] | null {
  return least === undefined ? null : LOG_LEVELS.slice(LOG_LEVELS.indexOf(least));
}

/** The numbers between which the lines are. */
export function rangeOf(
  { after = -1, attempt }: Wanted,
  before: number | "end" = "end",
): { after: number; before: number } {
  const end = before === "end" ? Number.MAX_SAFE_INTEGER : before;
  if (attempt === undefined) return { after, before: end };
  const first = attempt * PER_ATTEMPT;
  return { after: Math.max(after, first - 1), before: Math.min(end, first + PER_ATTEMPT) };
}

export function saysIt(line: LogLine, q: string | undefined): boolean {
  return q === undefined || saidBy(line).includes(q.toLowerCase());
}

/** Whether a line is one of those. */
export function isWanted(line: LogLine, wanted: Wanted): boolean {
  const { level, attempt, since, q } = wanted;
  return (
    (attempt === undefined || line.attempt === attempt) &&
    (levelsFrom(level)?.includes(line.level) ?? true) &&
    (since === undefined || Date.parse(line.at) >= Date.parse(since)) &&
    saysIt(line, q)
  );
}

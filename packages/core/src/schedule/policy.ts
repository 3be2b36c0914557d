import { durationMs } from "../duration.ts";
import { MillraceError } from "../errors.ts";

/** What happens to an occurrence while a run of its schedule is open. */
export const OVERLAPS = ["skip", "queue-one", "queue-all", "cancel-running", "allow"] as const;

export type Overlap = (typeof OVERLAPS)[number];

/** What happens to occurrences that nobody fired within their grace. */
export const MISSED = ["skip", "last", "all"] as const;

export type Missed = (typeof MISSED)[number];

export interface SchedulePolicyOptions {
  /**
   * While a run of the schedule is open (waits, runs, or is to be retried):
   * - skip (default): the occurrence is skipped.
   * - queue-one: one waits until it has ended; more are merged into that one.
   * - queue-all: each waits for its turn, up to 1,000.
   * - cancel-running: the open run is cancelled, and the occurrence fires.
   * - allow: it fires.
   */
  overlap?: Overlap;
  /**
   * Of occurrences that nobody fired within their grace, because no server ran:
   * - skip: none is made up for.
   * - last (default): the last one is caught up, those before are merged into it.
   * - all: all are caught up, oldest first; of more than `missedLimit` only the newest.
   */
  missed?: Missed;
  /** 1 to 1,000. Default 100. */
  missedLimit?: number;
  /** How late an occurrence may fire, and its run may start, before it counts as missed or late. Default `'1m'`, at least `'1s'`. */
  grace?: string;
}

/** The same, checked, as it is stored. */
export interface SchedulePolicy {
  readonly overlap: Overlap;
  readonly missed: Missed;
  readonly missedLimit: number;
  readonly graceMs: number;
}

/** The names of {@link SchedulePolicyOptions}. */
export const POLICY_OPTIONS = [
  "overlap",
  "missed",
  "missedLimit",
  "grace",
] as const satisfies (keyof SchedulePolicyOptions)[];

/** @throws MillraceError `invalid_schedule` or `invalid_duration`, naming the option */
export function schedulePolicy(options: SchedulePolicyOptions): SchedulePolicy {
  const { overlap = "skip", missed = "last", missedLimit = 100, grace = "1m" } = options;
  const graceMs = durationMs(grace, "grace");
  if (!OVERLAPS.includes(overlap)) refuse("overlap", overlap, `is none of ${OVERLAPS.join(", ")}`);
  if (!MISSED.includes(missed)) refuse("missed", missed, `is none of ${MISSED.join(", ")}`);
  if (!Number.isInteger(missedLimit) || missedLimit < 1 || missedLimit > 1000) {
    refuse("missedLimit", missedLimit, "is not a whole number from 1 to 1,000");
  }
  if (graceMs < 1000) refuse("grace", grace, "is shorter than 1s");
  return { overlap, missed, missedLimit, graceMs };
}

function refuse(option: string, given: unknown, why: string): never {
  throw new MillraceError("invalid_schedule", `${option}: ${JSON.stringify(given)} ${why}`);
}

import { type Duration, durationMs } from "./duration.ts";
import { MillraceError } from "./errors.ts";

/** How soon and how often a failed attempt is tried again. */
export interface BackoffOptions {
  /** Attempts in all, the first included; 1 means no retry. 1 to 1,000, default 5. Only failed attempts count. */
  maxAttempts?: number;
  /** Upper bound of the wait before the second attempt. Default `'1s'`. */
  firstDelay?: Duration;
  /** What the bound is multiplied by from one retry to the next. 1 to 10, default 2. */
  factor?: number;
  /** The bound never grows beyond this. Default `'15m'`. */
  maxDelay?: Duration;
}

/** How often retries of one job may start, over all workers. */
export interface RetryBudgetOptions {
  /** Retries in one window, 1 to 1,000,000. */
  limit: number;
  /** Length of a window, 1 s to 1 day. */
  per: Duration;
}

/** What an author writes of a job's retries, besides rules. */
export interface RetryOptions extends BackoffOptions {
  /**
   * No retry starts later than this after the first attempt began; the run fails instead. From the first attempt, not
   * from the acceptance: a delay or a backlog before it is no failure to try. Default: no bound.
   */
  maxElapsed?: Duration;
  /** A retry beyond the budget is put off until the budget allows it, never dropped. Default: no budget. */
  budget?: RetryBudgetOptions;
}

/** A backoff, resolved: every value present, durations in milliseconds. */
export interface Backoff {
  readonly maxAttempts: number;
  readonly firstDelayMs: number;
  readonly factor: number;
  readonly maxDelayMs: number;
}

/** A whole policy, resolved, as it is registered: functions stay in the worker, and the policy tells how many there are. */
export interface RetryPolicy extends Backoff {
  readonly maxElapsedMs: number | null;
  readonly budget: RetryBudget | null;
  /** How many rules look at an error before the backoff does. */
  readonly rules: number;
}

export interface RetryBudget {
  readonly limit: number;
  readonly perMs: number;
}

const BACKOFF = ["maxAttempts", "firstDelay", "factor", "maxDelay"];
const KNOWN = [...BACKOFF, "maxElapsed", "budget", "rules"];

const MAX_LIMIT = 1_000_000;
const MIN_PER_MS = 1000;
const MAX_PER_MS = 86_400_000;

const DEFAULT_BACKOFF: Backoff = {
  maxAttempts: 5,
  firstDelayMs: 1000,
  factor: 2,
  maxDelayMs: 900_000,
};

/**
 * @param rules how many rules come with it
 * @throws MillraceError `invalid_job` naming the option
 */
export function retryPolicy(options: RetryOptions = {}, rules = 0): RetryPolicy {
  refuseUnknown(options, KNOWN, "retry");
  const { maxElapsed, budget } = options;
  return {
    ...resolveBackoff(options, DEFAULT_BACKOFF, "retry"),
    maxElapsedMs: maxElapsed === undefined ? null : durationMs(maxElapsed, "retry.maxElapsed"),
    budget: budget === undefined ? null : retryBudget(budget),
    rules,
  };
}

/**
 * A backoff of its own, such as a rule answers.
 *
 * @param base what it takes where it says nothing
 * @throws MillraceError `invalid_job` naming the option
 */
export function backoff(options: BackoffOptions, base: Backoff, where: string): Backoff {
  refuseUnknown(options, BACKOFF, where);
  return resolveBackoff(options, base, where);
}

function resolveBackoff(options: BackoffOptions, base: Backoff, where: string): Backoff {
  const { maxAttempts = base.maxAttempts, factor = base.factor, firstDelay, maxDelay } = options;
  if (!Number.isInteger(maxAttempts) || maxAttempts < 1 || maxAttempts > 1000) {
    throw new MillraceError(
      "invalid_job",
      `${where}.maxAttempts: ${maxAttempts} is not a whole number from 1 to 1000`,
    );
  }
  if (!(factor >= 1 && factor <= 10)) {
    throw new MillraceError(
      "invalid_job",
      `${where}.factor: ${factor} is not a number from 1 to 10`,
    );
  }
  return {
    maxAttempts,
    firstDelayMs:
      firstDelay === undefined ? base.firstDelayMs : durationMs(firstDelay, `${where}.firstDelay`),
    factor,
    maxDelayMs:
      maxDelay === undefined ? base.maxDelayMs : durationMs(maxDelay, `${where}.maxDelay`),
  };
}

function retryBudget(options: RetryBudgetOptions): RetryBudget {
  refuseUnknown(options, ["limit", "per"], "retry.budget");
  const { limit } = options;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw new MillraceError(
      "invalid_job",
      `retry.budget.limit: ${limit} is not a whole number from 1 to ${MAX_LIMIT}`,
    );
  }
  const perMs = durationMs(options.per, "retry.budget.per");
  if (perMs < MIN_PER_MS || perMs > MAX_PER_MS) {
    throw new MillraceError("invalid_job", `retry.budget.per: must be from 1s to 1d`);
  }
  return { limit, perMs };
}

function refuseUnknown(options: object, known: readonly string[], where: string): void {
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw new MillraceError(
    "invalid_job",
    `${where}.${unknown} is not an option; the options are ${known.join(", ")}`,
  );
}

/**
 * The wait before the next attempt: exponential backoff with full jitter, that is, evenly spread between nothing and
 * the bound, so that runs which failed together do not come back together.
 *
 * @see "Exponential Backoff And Jitter", AWS Architecture Blog, 2015
 * @param failures how many attempts have failed, at least 1
 * @param random a number in [0, 1)
 */
export function retryDelayMs(policy: Backoff, failures: number, random: number): number {
  const bound = Math.min(policy.maxDelayMs, policy.firstDelayMs * policy.factor ** (failures - 1));
  return Math.round(bound * random);
}

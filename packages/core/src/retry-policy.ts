import { type Duration, durationMs } from "./duration.ts";
import { MillraceError } from "./errors.ts";

/** How often and how soon a failed attempt is tried again, as an author writes it. */
export interface RetryOptions {
  /** Attempts in all, the first included; 1 means no retry. 1 to 1,000, default 5. */
  maxAttempts?: number;
  /** Upper bound of the wait before the second attempt. Default `'1s'`. */
  firstDelay?: Duration;
  /** What the bound is multiplied by from one retry to the next. 1 to 10, default 2. */
  factor?: number;
  /** The bound never grows beyond this. Default `'15m'`. */
  maxDelay?: Duration;
}

/** The same, resolved: every value present, durations in milliseconds. */
export interface RetryPolicy {
  readonly maxAttempts: number;
  readonly firstDelayMs: number;
  readonly factor: number;
  readonly maxDelayMs: number;
}

const KNOWN = ["maxAttempts", "firstDelay", "factor", "maxDelay"];

/** @throws MillraceError `invalid_job` naming the option */
export function retryPolicy(options: RetryOptions = {}): RetryPolicy {
  const unknown = Object.keys(options).find((key) => !KNOWN.includes(key));
  if (unknown) {
    throw new MillraceError(
      "invalid_job",
      `retry.${unknown} is not an option; the options are ${KNOWN.join(", ")}`,
    );
  }
  const policy = {
    maxAttempts: options.maxAttempts ?? 5,
    firstDelayMs: durationMs(options.firstDelay ?? "1s", "retry.firstDelay"),
    factor: options.factor ?? 2,
    maxDelayMs: durationMs(options.maxDelay ?? "15m", "retry.maxDelay"),
  };
  if (
    !Number.isInteger(policy.maxAttempts) ||
    policy.maxAttempts < 1 ||
    policy.maxAttempts > 1000
  ) {
    throw new MillraceError(
      "invalid_job",
      `retry.maxAttempts: ${policy.maxAttempts} is not a whole number from 1 to 1000`,
    );
  }
  if (!(policy.factor >= 1 && policy.factor <= 10)) {
    throw new MillraceError(
      "invalid_job",
      `retry.factor: ${policy.factor} is not a number from 1 to 10`,
    );
  }
  return policy;
}

/**
 * The wait before the next attempt: exponential backoff with full jitter, that is, evenly spread between nothing and
 * the bound, so that runs which failed together do not come back together.
 *
 * @see "Exponential Backoff And Jitter", AWS Architecture Blog, 2015
 * @param failures how many attempts have failed, at least 1
 * @param random a number in [0, 1)
 */
export function retryDelayMs(policy: RetryPolicy, failures: number, random: number): number {
  const bound = Math.min(policy.maxDelayMs, policy.firstDelayMs * policy.factor ** (failures - 1));
  return Math.round(bound * random);
}

import { setTimeout as pause } from "node:timers/promises";
import {
  type Backoff,
  type Duration,
  MillraceError,
  durationMs,
  retryDelayMs,
  retryPolicy,
} from "@millrace/core";
import { Aborted, nonRetryable } from "../errors.ts";
import { type RetryRule, judgeRetry, retryRules } from "../retry-rules.ts";
import type { StepContext, StepOptions, StepRetryOptions } from "./step.ts";

/** How a step is tried, resolved. */
export interface StepPolicy {
  readonly timeoutMs: number | undefined;
  /** Undefined for one try. */
  readonly retry: (Backoff & { readonly maxElapsedMs: number | null }) | undefined;
  readonly rules: readonly RetryRule[];
}

const KNOWN = ["retry", "timeout"];

/** @throws MillraceError `invalid_step` naming the option */
export function stepPolicy(options: StepOptions, what: string): StepPolicy {
  const refuse = (why: string): never => {
    throw nonRetryable(new MillraceError("invalid_step", `${what}: ${why}`));
  };
  const unknown = Object.keys(options).find((key) => !KNOWN.includes(key));
  if (unknown) refuse(`${unknown} is not an option; the options are ${KNOWN.join(", ")}`);
  const { retry, timeout } = options;
  if (retry && "budget" in retry) {
    refuse("a step is tried again in place, and has no retry.budget; give the job one");
  }
  try {
    const { rules: given, ...backoff }: StepRetryOptions = retry ?? {};
    const rules = retryRules(given);
    return {
      timeoutMs: timeout === undefined ? undefined : timeoutMs(timeout),
      retry: retry && retryPolicy(backoff, rules.length),
      rules,
    };
  } catch (error) {
    return refuse(error instanceof MillraceError ? error.message : String(error));
  }
}

function timeoutMs(timeout: Duration): number {
  const ms = durationMs(timeout, "timeout");
  // setTimeout fires at once beyond 2^31-1 ms.
  if (ms >= 1 && ms < 2 ** 31) return ms;
  throw new MillraceError("invalid_step", "timeout must be from 1ms to 24d");
}

/** A try of a step took longer than the step's own timeout. */
class StepTimeout extends Error {
  override readonly name = "TimeoutError";
}

/** Calls the function of a step, again if its policy says so, until it gives something or has failed for good. */
export function tryStep<T>(
  fn: (step: StepContext) => T | Promise<T>,
  policy: StepPolicy,
  { signal, what }: { signal: () => AbortSignal; what: string },
): Promise<T> {
  return repeated(() => tryOnce(fn, policy.timeoutMs, signal, what), policy, signal);
}

/**
 * Does something again, if the policy says so, until it gives something or has failed for good.
 *
 * @param mayRepeat whether what was thrown allows another try at all
 */
export async function repeated<T>(
  once: () => Promise<T>,
  { retry, rules }: Pick<StepPolicy, "retry" | "rules">,
  signal: () => AbortSignal,
  mayRepeat: (thrown: unknown) => boolean = () => true,
): Promise<T> {
  const startedAt = performance.now();
  for (let tries = 1; ; tries++) {
    try {
      return await once();
    } catch (thrown) {
      if (!retry || signal().aborted || !mayRepeat(thrown)) throw thrown;
      const { answer } = judgeRetry(thrown, { retry, rules });
      if (answer.retry === "never") throw thrown;
      const backoff = answer.retry === "backoff" ? answer.backoff : retry;
      if (tries >= backoff.maxAttempts) throw thrown;
      const delayMs =
        answer.retry === "after" ? answer.ms : retryDelayMs(backoff, tries, Math.random());
      const elapsedMs = performance.now() - startedAt;
      if (elapsedMs + delayMs > (retry.maxElapsedMs ?? Infinity)) throw thrown;
      // What wakes it early is the attempt's end; what ended the step is what it threw.
      await pause(Math.min(delayMs, 2 ** 31 - 1), undefined, { signal: signal() }).catch(() => {});
      if (signal().aborted) throw thrown;
    }
  }
}

/** Calls a function once, for as long as a try may take. */
export async function tryOnce<T>(
  fn: (step: StepContext) => T | Promise<T>,
  timeoutMs: number | undefined,
  signal: () => AbortSignal,
  what: string,
): Promise<T> {
  if (timeoutMs === undefined) {
    // Asked for only by who wants it: a signal costs as much as all the rest of a quick step.
    const context = {
      get signal() {
        return signal();
      },
    };
    return await fn(context);
  }
  const ownTime = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const message = `${what} took longer than its timeout of ${timeoutMs} ms`;
      ownTime.abort(new Aborted("timeout", message));
      reject(new StepTimeout(message));
    }, timeoutMs);
  });
  try {
    return await Promise.race([fn({ signal: AbortSignal.any([signal(), ownTime.signal]) }), late]);
  } finally {
    clearTimeout(timer);
  }
}

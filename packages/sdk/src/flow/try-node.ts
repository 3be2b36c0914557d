import {
  type Backoff,
  NODE_STEPS,
  type NodeFailure,
  retryDelayMs,
  toFailure,
} from "@millrace/core";
import type { Context } from "../context.ts";
import { isDivergence } from "../errors.ts";
import { type RetryRule, judgeRetry } from "../retry-rules.ts";
import { StepFailedError } from "../step/step-failure.ts";
import type { ItemEnd } from "./node-types.ts";
import type { Thrown } from "./planned-node.ts";

/** How a node, or an item of a map, is tried again. */
export interface TryPolicy {
  readonly retry: Backoff & { readonly maxElapsedMs: number | null };
  readonly rules: readonly RetryRule[];
}

/** A rule may answer any time; a sleep has an end. */
const LONGEST_MS = 365 * 86_400_000;

/** Longer messages are cut: they are read again in every attempt. */
const MAX_MESSAGE = 10_000;

/**
 * Tries something until it gives a value or has failed for good. What follows a failed try is a step, so that it is decided once: in
 * later attempts the error is not what it was, and its backoff is of chance.
 *
 * @param name the step that failed tries and their backoffs are named after
 * @param once one try, which is a step
 * @param policy null for one try
 * @throws what `once` throws when the attempt was told to stop, or cannot go on: that is no failure of a node
 */
export async function tryNode<T>(
  { step, signal }: Pick<Context, "step" | "signal">,
  name: string,
  policy: TryPolicy | null,
  once: () => Promise<T>,
): Promise<Thrown<ItemEnd<T>>> {
  let since = Date.now();
  for (let tries = 1; ; tries++) {
    try {
      return { state: "completed", value: await once() };
    } catch (thrown) {
      if (signal.aborted || isDivergence(thrown)) throw thrown;
      const failure: NodeFailure = await step(NODE_STEPS.failed(name), () =>
        failureOf(thrown, policy, tries, since),
      );
      since = failure.since;
      if (failure.retryInMs === null) {
        const { class: name, message } = failure;
        return { state: "failed", error: { class: name, message }, thrown };
      }
      await step.sleep(NODE_STEPS.backoff(name), `${failure.retryInMs}ms`);
    }
  }
}

function failureOf(
  thrown: unknown,
  policy: TryPolicy | null,
  tries: number,
  since: number,
): NodeFailure {
  const { class: name, message } = toFailure(thrown);
  return {
    class: name,
    message: message.slice(0, MAX_MESSAGE),
    retryInMs: policy && retryInMs(thrown, policy, tries, since),
    since,
  };
}

function retryInMs(
  thrown: unknown,
  { retry, rules }: TryPolicy,
  tries: number,
  since: number,
): number | null {
  // From the record, because the worker died before this was decided: then nobody knows what the error was.
  const { answer } =
    thrown instanceof StepFailedError
      ? { answer: { retry: "backoff", backoff: retry } as const }
      : judgeRetry(thrown, { retry, rules });
  if (answer.retry === "never") return null;
  const backoff = answer.retry === "backoff" ? answer.backoff : retry;
  if (tries >= backoff.maxAttempts) return null;
  const delayMs =
    answer.retry === "after" ? answer.ms : retryDelayMs(backoff, tries, Math.random());
  if (Date.now() - since + delayMs > (retry.maxElapsedMs ?? Infinity)) return null;
  return Math.ceil(Math.min(delayMs, LONGEST_MS));
}

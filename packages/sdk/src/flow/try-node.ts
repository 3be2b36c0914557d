import {
  type Backoff,
  MillraceError,
  NODE_STEPS,
  type NodeFailure,
  retryDelayMs,
  toFailure,
} from "@millrace/core";
import type { Context } from "../context.ts";
import { holdOf } from "../errors.ts";
import { type RetryJudgement, type RetryRule, judgeRetry } from "../retry-rules.ts";
import { divergenceOf } from "../step/divergence.ts";
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

/**
 * Longer messages are cut: they are read again in every attempt, and the graph of a run looks only into values of less than 16,000 bytes,
 * which this has in any writing (`store/run-graph.ts` of the server).
 */
const MAX_MESSAGE = 4000;

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
  { step, signal, log }: Pick<Context, "step" | "signal" | "log">,
  name: string,
  policy: TryPolicy | null,
  once: () => Promise<T>,
): Promise<Thrown<ItemEnd<T>>> {
  let since = Date.now();
  for (let tries = 1; ; tries++) {
    try {
      return { state: "completed", value: await once() };
    } catch (thrown) {
      if (signal.aborted || divergenceOf(thrown) !== undefined) throw thrown;
      if (policy === null && isNotYet(thrown)) throw thrown;
      const failure: NodeFailure = await step(NODE_STEPS.failed(name), () => {
        const hold = holdOf(thrown);
        if (hold) {
          log.warn(`hold "${hold}" is for jobs, so this node waits alone; make a child of it`, {
            node: name,
          });
        }
        const trouble = (error: unknown) =>
          log.error("a retry rule failed, so the backoff of the node decides", {
            node: name,
            error: String(error),
          });
        return failureOf(thrown, policy, tries, since, trouble);
      });
      since = failure.since;
      if (failure.retryInMs === null) {
        const { class: name, message } = failure;
        return { state: "failed", error: { class: name, message }, thrown };
      }
      await step.sleep(NODE_STEPS.backoff(name), `${failure.retryInMs}ms`);
    }
  }
}

/** Nobody knows the job of a child, or its queue: who does may still come, so the retries of the run decide. */
function isNotYet(thrown: unknown): boolean {
  return (
    thrown instanceof MillraceError &&
    (thrown.code === "unknown_job" || thrown.code === "queue_not_found")
  );
}

function failureOf(
  thrown: unknown,
  policy: TryPolicy | null,
  tries: number,
  since: number,
  onTrouble: (error: unknown) => void,
): NodeFailure {
  const { class: name, message } = toFailure(thrown);
  return {
    class: name,
    message: message.length > MAX_MESSAGE ? cut(message) : message,
    retryInMs: policy && retryInMs(thrown, policy, tries, since, onTrouble),
    since,
  };
}

/** Half a character has no place on record. */
function cut(message: string): string {
  return `${message.slice(0, MAX_MESSAGE).toWellFormed()}… (cut)`;
}

function retryInMs(
  thrown: unknown,
  { retry, rules }: TryPolicy,
  tries: number,
  since: number,
  onTrouble: (error: unknown) => void,
): number | null {
  // From the record, because the worker died before this was decided: then nobody knows what the error was.
  const { answer, trouble }: RetryJudgement =
    thrown instanceof StepFailedError
      ? { answer: { retry: "backoff", backoff: retry } }
      : judgeRetry(thrown, { retry, rules });
  if (trouble !== undefined) onTrouble(trouble);
  if (answer.retry === "never") return null;
  const backoff = answer.retry === "backoff" ? answer.backoff : retry;
  if (tries >= backoff.maxAttempts) return null;
  const delayMs =
    answer.retry === "after" ? answer.ms : retryDelayMs(backoff, tries, Math.random());
  if (Date.now() - since + delayMs > (retry.maxElapsedMs ?? Infinity)) return null;
  return Math.ceil(Math.min(delayMs, LONGEST_MS));
}

import { setTimeout as pause } from "node:timers/promises";
import { toFailure, toJsonText } from "@millrace/core";
import { ChildFailedError, ChildTimeoutError } from "../child-errors.ts";
import type { AnyJob } from "../job.ts";
import type { ChildPlan } from "./child-options.ts";
import { type FanOutResult, failureOf } from "./child-results.ts";

/** Of a fan-out that does not say. */
const CONCURRENCY = 10;

/** No run is on record. */
const NIL = "00000000-0000-0000-0000-000000000000";

/** What a step's children give where no run stands behind the step: each is called in place. */
export async function callHere(
  job: AnyJob,
  inputs: readonly unknown[],
  plan: ChildPlan,
  signal: AbortSignal,
): Promise<unknown[]> {
  const results: unknown[] = Array.from({ length: inputs.length });
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < inputs.length && !over.signal.aborted) {
      const place = next++;
      const called = callOne(job, inputs[place], plan, either);
      results[place] = plan.collect ? await collected(called) : await called;
    }
  };
  const lanes = Math.min(plan.concurrency ?? CONCURRENCY, inputs.length);
  try {
    await Promise.all(Array.from({ length: lanes }, lane));
  } finally {
    over.abort(new Error("a run beside it has failed"));
  }
  return results;
}

async function callOne(
  job: AnyJob,
  input: unknown,
  { delayMs, timeoutMs }: ChildPlan,
  stopped: AbortSignal,
): Promise<unknown> {
  const late =
    timeoutMs === null ? undefined : AbortSignal.timeout(Math.min(timeoutMs, 2 ** 31 - 1));
  const signal = late ? AbortSignal.any([stopped, late]) : stopped;
  try {
    if (delayMs !== null) await pause(Math.min(delayMs, 2 ** 31 - 1), undefined, { signal });
    // What a run would give: its output is JSON.
    const output: unknown = await job.call(input ?? {}, { signal });
    return JSON.parse(toJsonText(output ?? null, `output of ${job.name}`)) as unknown;
  } catch (error) {
    if (stopped.aborted) throw stopped.reason;
    if (late?.aborted) throw new ChildTimeoutError(NIL, job.name);
    const { class: errorClass, message } = toFailure(error);
    throw new ChildFailedError(NIL, job.name, errorClass, message, { cause: error });
  }
}

async function collected(called: Promise<unknown>): Promise<FanOutResult<unknown>> {
  try {
    return { status: "fulfilled", value: await called };
  } catch (error) {
    if (!(error instanceof ChildFailedError)) throw error;
    return { status: "rejected", reason: failureOf(error) };
  }
}

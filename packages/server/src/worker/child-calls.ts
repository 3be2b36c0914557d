import { MillraceError, byteLength, readTraceContext } from "@millrace/core";
import type { NewChildren, NewWait } from "@millrace/sdk";
import { sqlState } from "../store/database.ts";
import { NOT_ENCRYPTED, UNKNOWN_JOB, UNKNOWN_QUEUE } from "../store/enqueue.ts";
import type { Leased } from "./leased-writer.ts";

/** A wait for children. */
export type NewCall = NewWait & { readonly children: NewChildren };

export function isCall(wait: NewWait): wait is NewCall {
  return wait.children !== null;
}

/** Of one statement, in bytes of inputs; a step has no more. */
const MAX_BYTES = 32 * 1024 ** 2;

/** Calls in parts that one statement takes each. */
export function callParts(calls: readonly Leased<NewCall>[]): Leased<NewCall>[][] {
  const parts: Leased<NewCall>[][] = [];
  let room = 0;
  for (const call of calls) {
    let bytes = 0;
    for (const input of call.children.inputs) bytes += byteLength(input);
    if (parts.length === 0 || bytes > room) {
      parts.push([]);
      room = MAX_BYTES;
    }
    parts.at(-1)!.push(call);
    room -= bytes;
  }
  return parts;
}

/** As `millrace.call_children` takes it. Assembled by hand, because inputs are JSON texts already. */
export function callText({ maker, name, ordinal, kind, forMs, children }: Leased<NewCall>): string {
  const { job, inputs, queue, priority, ttlMs, delayMs, concurrency, collect, trace } = children;
  const options = {
    ...(queue !== null && { queue }),
    ...(priority !== null && { priority }),
    ...(ttlMs !== null && { ttl_ms: ttlMs }),
    ...(delayMs !== null && { delay_ms: delayMs }),
    // It may have come from the place of a handler.
    ...(readTraceContext(trace) && { trace_context: trace }),
  };
  const plain = JSON.stringify({
    lease: maker.leaseId,
    run: maker.runId,
    ...{ name, ordinal, kind, forMs, job, options, collect },
    atOnce: Math.min(concurrency ?? inputs.length, inputs.length),
  });
  return `${plain.slice(0, -1)},"inputs":[${inputs.join(",")}]}`;
}

/** Why the database makes no children, for the handler: with another server, or another queue, a later attempt may succeed. */
export function callRefused(error: unknown, { children: { job, queue } }: NewCall): unknown {
  const state = sqlState(error);
  if (state === UNKNOWN_JOB) {
    const message = `no server has registered the job ${job}, so it cannot be called; start one that knows it`;
    return new MillraceError("unknown_job", message, { cause: error });
  }
  if (state === UNKNOWN_QUEUE) {
    const message = `there is no queue ${queue} for the job ${job}; name one that a worker takes from`;
    return new MillraceError("queue_not_found", message, { cause: error });
  }
  if (state === NOT_ENCRYPTED) {
    const message = `the job ${job} has declared a subject a moment ago, so its inputs are encrypted from now on`;
    return new MillraceError("subject_not_encrypted", message, { cause: error });
  }
  return error;
}

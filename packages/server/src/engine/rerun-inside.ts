import { MillraceError } from "@millrace/core";
import { handleDeadLetter } from "../store/dead-letters.ts";
import { recordEvent } from "../store/events.ts";
import { type RerunRow, readForRerun } from "../store/runs.ts";
import type { Queryable } from "../store/statement.ts";
import { type EnqueueRequest, type EnqueuedRun, enqueueAll } from "./enqueue.ts";
import { producing } from "./producer-span.ts";
import type { PatchedInput } from "./patched-input.ts";

export interface Rerun {
  runId: string;
  correlationId?: string | undefined;
  /** Instead of the old run's input. */
  patched?: PatchedInput | undefined;
}

export interface MadeRerun extends EnqueuedRun {
  /** Whether the old run was a dead letter that nobody had handled, and this has. */
  handled: boolean;
}

/** Makes a new run of an old one as a part of a transaction, by whoever has it: nobody is asked whether he may. */
export async function rerunInside(
  tx: Queryable,
  by: string,
  { runId, correlationId, patched }: Rerun,
): Promise<MadeRerun> {
  const [old] = await readForRerun(tx, runId);
  if (!old) throw new MillraceError("run_not_found", `there is no run ${runId}`);
  if (old.open) {
    throw new MillraceError(
      "invalid_request",
      `run ${runId} has not finished; rerun it when it has, or cancel it first`,
    );
  }
  const request = rerunRequest(old, patched?.text);
  const [run] = await enqueueAgain(
    tx,
    [correlationId === undefined ? request : { ...request, correlationId }],
    [old],
  );
  if (!run) throw new Error("enqueue gave no answer");
  const handled = await handleDeadLetter(tx, runId, by, "rerun", null, run.id);
  const detail = JSON.stringify({ run: run.id, patch: patched?.patch ?? undefined });
  await recordEvent(tx, runId, "rerun", by, detail);
  return { ...run, handled: handled.length > 0 };
}

/** Asks for runs that were there before; their traces are linked to those of the old ones. All or none. */
export function enqueueAgain(
  tx: Queryable,
  requests: readonly EnqueueRequest[],
  olds: readonly RerunRow[],
): Promise<EnqueuedRun[]> {
  const [{ job } = { job: "" }] = requests;
  const one = requests.every((request) => request.job === job);
  const links = olds.map((old) => old.trace_context);
  return producing(
    {
      name: one ? `enqueue ${job}` : "enqueue",
      ...{ job: one ? job : undefined, runs: requests.length, links, root: true },
    },
    (traceContext) =>
      enqueueAll(
        tx,
        traceContext === undefined
          ? requests
          : requests.map((request) => ({ ...request, traceContext })),
      ),
  );
}

/** @param input JSON text, instead of the old run's */
export function rerunRequest(old: RerunRow, input: string = old.input): EnqueueRequest {
  return {
    job: old.job,
    input,
    trigger: "rerun",
    queue: old.queue,
    priority: old.priority,
    correlationId: old.correlation_id ?? undefined,
    rerunOf: old.id,
  };
}

import { MillraceError } from "@millrace/core";
import { handleDeadLetter } from "../store/dead-letters.ts";
import { recordEvent } from "../store/events.ts";
import { readForRerun } from "../store/runs.ts";
import type { Queryable } from "../store/statement.ts";
import { type EnqueuedRun, enqueue } from "./enqueue.ts";

export interface Rerun {
  runId: string;
  by: string;
  correlationId?: string | undefined;
}

/**
 * Makes a new run of the same job with the same input; the old run stays as it ended. If it was a dead letter, it is
 * handled by this.
 *
 * @param tx a transaction
 * @throws MillraceError `run_not_found`; `invalid_request` for a run that is still open; `unknown_job`
 */
export async function rerun(
  tx: Queryable,
  { runId, by, correlationId }: Rerun,
): Promise<EnqueuedRun> {
  const [old] = await readForRerun(tx, runId);
  if (!old) throw new MillraceError("run_not_found", `there is no run ${runId}`);
  if (old.open) {
    throw new MillraceError(
      "invalid_request",
      `run ${runId} has not finished; rerun it when it has, or cancel it first`,
    );
  }
  const [result] = await enqueue(tx, [
    {
      job: old.job,
      input: old.input,
      trigger: "rerun",
      queue: old.queue,
      priority: old.priority,
      correlationId: correlationId ?? old.correlation_id ?? undefined,
      rerunOf: runId,
    },
  ]);
  if (!result || "error" in result) throw result?.error ?? new Error("enqueue gave no answer");
  await handleDeadLetter(tx, runId, by, "rerun", null, result.run.id);
  await recordEvent(tx, runId, "rerun", by, JSON.stringify({ run: result.run.id }));
  return result.run;
}

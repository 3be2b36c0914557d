import { MillraceError } from "@millrace/core";
import type { Ask } from "./ask.ts";
import { explained, raisedIn } from "./database-error.ts";

/** Which attempt it is, and by what right it writes. */
export interface AttemptHold {
  runId: string;
  /** From 1. */
  attempt: number;
  leaseId: number;
  workerId: number;
}

const COMPLETE = `
  select millrace.complete((a ->> 0)::uuid, (a ->> 1)::integer, (a ->> 2)::bigint, (a ->> 3)::integer, a -> 4)::text
  from (select $1::text::jsonb as a) given`;

/**
 * Completes a run in the caller's transaction, through the lease of its attempt: what a worker's context does.
 *
 * @param output JSON text
 * @throws MillraceError `lease_lost`, `run_finished`, `migrations_pending`; the transaction is aborted then
 */
export async function completeRun(ask: Ask, hold: AttemptHold, output: string): Promise<void> {
  const { runId, attempt, leaseId, workerId } = hold;
  const value = `["${runId}",${attempt},${leaseId},${workerId},${output}]`;
  await ask(COMPLETE, value).catch((error: unknown) => {
    const raised = raisedIn(error);
    if (!raised) throw explained(error);
    const message =
      raised.code === "run_finished"
        ? `run ${runId} has ended already: it was completed before, in this transaction or another, or cancelled`
        : `attempt ${attempt} of run ${runId} has lost its lease: another one will be made, and this one must not write`;
    throw new MillraceError(raised.code, message, { cause: error });
  });
}

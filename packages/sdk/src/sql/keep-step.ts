import { MillraceError } from "@millrace/core";
import type { NewCheckpoint } from "../step/checkpoints.ts";
import { textOf } from "../step/step-place.ts";
import type { Ask } from "./ask.ts";
import type { AttemptHold } from "./complete.ts";
import { explained, raisedIn } from "./database-error.ts";

const KEEP = `
  select millrace.keep_step((a ->> 0)::uuid, (a ->> 1)::integer, (a ->> 2)::bigint, (a ->> 3)::integer, a ->> 4,
    (a ->> 5)::integer, (a ->> 6)::integer, (a ->> 7)::float8, a -> 8)::text
  from (select $1::text::jsonb as a) given`;

/**
 * Records a checkpoint in the caller's transaction, through the lease of its attempt.
 *
 * @throws MillraceError `lease_lost`, `run_finished`, `step_mismatch`, `migrations_pending`; the transaction is aborted then
 */
export async function keepStepIn(
  ask: Ask,
  hold: AttemptHold,
  checkpoint: NewCheckpoint,
): Promise<void> {
  const { runId, attempt, leaseId, workerId } = hold;
  const { name, ordinal, seq, tookMs, value } = checkpoint;
  const key = JSON.stringify(name);
  const given = `["${runId}",${attempt},${leaseId},${workerId},${key},${ordinal},${seq},${tookMs},${value}]`;
  await ask(KEEP, given).catch((error: unknown) => {
    const raised = raisedIn(error);
    if (!raised) throw explained(error);
    throw new MillraceError(raised.code, REFUSALS[raised.code]?.(hold, checkpoint) ?? "refused", {
      cause: error,
    });
  });
}

const REFUSALS: Partial<
  Record<MillraceError["code"], (hold: AttemptHold, checkpoint: NewCheckpoint) => string>
> = {
  lease_lost: ({ attempt, runId }) =>
    `attempt ${attempt} of run ${runId} has lost its lease: another one will be made, and this one must not write`,
  run_finished: ({ runId }) => `run ${runId} has ended already, so this attempt must not write`,
  step_mismatch: ({ runId }, checkpoint) =>
    `${textOf(checkpoint)} of run ${runId} is on record already: the function was called twice in one transaction, or another attempt has recorded it`,
};

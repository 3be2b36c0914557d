import { MillraceError, readStoredValue } from "@millrace/core";
import type { RunRecord } from "@millrace/core/api";
import type { ReplayedRun } from "@millrace/sdk";

/**
 * A run that the API tells, as a replay takes it.
 *
 * @throws MillraceError `stored_value_lost` when it has large values, which only workers can read
 */
export function replayedRun(record: RunRecord): ReplayedRun {
  const stored = record.checkpoints.find(
    ({ value }) => value !== null && readStoredValue(value) !== undefined,
  );
  if (stored) {
    throw new MillraceError(
      "stored_value_lost",
      `step ${JSON.stringify(stored.name)} of run ${record.run}: its value is in the store of the workers, which a replay does not read`,
    );
  }
  return {
    id: record.run,
    input: record.input,
    attempt: record.attempt,
    trigger: record.trigger,
    correlationId: record.correlationId ?? undefined,
    scheduledFor: record.scheduledFor === null ? undefined : new Date(record.scheduledFor),
    checkpoints: record.checkpoints,
    waits: record.waits,
    intents: record.effects,
  };
}

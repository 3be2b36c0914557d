import type { RunRecord } from "@millrace/core/api";
import type { ReplayedRun } from "@millrace/sdk";

/** A run that the API tells, with its large values, as a replay takes it. */
export function replayedRun(record: RunRecord): ReplayedRun {
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

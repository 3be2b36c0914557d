import type { DeadLetter, DeadLetterDetail, DeadLetterGroup } from "@millrace/core/api";
import type { Preview } from "../../engine/patched-input.ts";
import type {
  DeadLetterDetailRow,
  DeadLetterGroupRow,
  DeadLetterRow,
} from "../../store/dead-letters.ts";
import type { AttemptRow } from "../../store/runs.ts";
import { problemOf } from "../problem.ts";
import { instant } from "./instant.ts";
import { presentAttempt } from "./run.ts";

export function presentDeadLetter(row: DeadLetterRow): DeadLetter {
  return {
    runId: row.run_id,
    job: row.job,
    queue: row.queue,
    failedAt: instant(row.failed_at),
    fingerprint: row.fingerprint,
    error: { class: row.error_class, message: row.error_message },
  };
}

export function presentGroup(row: DeadLetterGroupRow): DeadLetterGroup {
  return {
    fingerprint: row.fingerprint,
    errorClass: row.error_class,
    count: row.count,
    firstSeen: instant(row.first_seen),
    lastSeen: instant(row.last_seen),
    jobs: row.jobs,
    sample: { runId: row.sample, message: row.sample_message },
  };
}

export function presentDeadLetterDetail(
  row: DeadLetterDetailRow,
  attempts: readonly AttemptRow[],
  diff: DeadLetterDetail["diff"],
): DeadLetterDetail {
  return {
    ...presentDeadLetter(row),
    // Read from jsonb, so it is JSON.
    input: row.input,
    attempts: attempts.map(presentAttempt),
    rerunOf: row.rerun_of,
    diff,
    handled: row.handled_at && {
      at: instant(row.handled_at),
      by: row.handled_by ?? "",
      resolution: row.resolution ?? "dismissed",
      note: row.note,
      rerun: row.rerun_id,
      operation: row.operation_id,
    },
  };
}

/** A preview as JSON text; inputs are in it as they are stored. */
export function previewText({ runId, job, before, after, problem }: Preview): string {
  const rest = JSON.stringify({
    runId,
    job,
    accepted: problem === null,
    problem: problem && problemOf(problem),
  });
  return `${rest.slice(0, -1)},"before":${before},"after":${after ?? "null"}}`;
}

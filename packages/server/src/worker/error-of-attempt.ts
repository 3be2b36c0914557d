import { type Failure, fingerprintOf } from "@millrace/core";
import { traceIdOf } from "@millrace/sdk/http";
import type { ErrorReport } from "../telemetry/error-report.ts";
import type { FailedAttempt } from "./attempt.ts";

const LEVELS = { retry: "warning", dead_letter: "error", crash: "fatal" } as const;

/** A failed attempt, as those are told of it who collect errors: grouped as dead letters are, and of a run that is about somebody no text. */
export function errorOfAttempt(failed: FailedAttempt): ErrorReport {
  const { run, failure, version, workerId, sealed, became } = failed;
  const traceId = failed.traceId ?? traceIdOf(run.id, run.correlationId ?? undefined);
  return {
    level: LEVELS[became],
    failure: sealed ? withoutTexts(failure) : failure,
    fingerprint: [run.job, failure.fingerprint ?? fingerprintOf(failure)],
    where: run.job,
    tags: {
      job: run.job,
      queue: run.queue,
      run: run.id,
      became,
      ...(version !== null && { job_version: version }),
    },
    traceId,
    facts: {
      run: run.id,
      attempt: run.attempts + 1,
      failures: run.failures + 1,
      trigger: run.trigger,
      worker: workerId,
      ...(run.correlationId !== null && { correlation: run.correlationId }),
    },
  };
}

function withoutTexts({ class: name }: Failure): Failure {
  return { class: name, message: "what it says is kept with its run, encrypted", stack: null };
}

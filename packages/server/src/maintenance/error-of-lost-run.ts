import { fingerprintOf } from "@millrace/core";
import { WORKER_LOST } from "../engine/take-back.ts";
import type { TakenBackRow } from "../store/reap.ts";
import type { ErrorReport } from "../telemetry/error-report.ts";

/** A run that has become a dead letter because its workers died; nobody else would tell of it. */
export function errorOfLostRun({ run_id: run, job, queue, worker_id }: TakenBackRow): ErrorReport {
  return {
    level: "fatal",
    failure: WORKER_LOST,
    fingerprint: [job, fingerprintOf(WORKER_LOST)],
    where: job,
    tags: { job, queue, run, became: "dead_letter" },
    facts: { run, worker: worker_id },
  };
}

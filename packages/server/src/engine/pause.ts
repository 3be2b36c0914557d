import { MillraceError } from "@millrace/core";
import { type Database, inTransaction } from "../store/database.ts";
import { regate } from "../store/jobs.ts";
import { holdJob, markForGate, pauseJob, resumeJob } from "../store/pauses.ts";
import { pauseQueue, resumeQueue } from "../store/queues.ts";
import type { Queryable } from "../store/statement.ts";

/**
 * No run of the queue is claimed any more; those that run go on. Pausing again keeps the first instant.
 *
 * @param until when it resumes by itself; null for never
 * @throws MillraceError `queue_not_found`
 */
export async function pause(
  db: Queryable,
  queue: string,
  by: string,
  reason: string | null,
  until: Date | null = null,
): Promise<void> {
  const [row] = await pauseQueue(db, queue, by, reason, until);
  if (!row)
    throw new MillraceError("queue_not_found", `there is no queue ${JSON.stringify(queue)}`);
}

/** @throws MillraceError `queue_not_found` */
export async function resume(db: Queryable, queue: string): Promise<void> {
  const [row] = await resumeQueue(db, queue);
  if (!row)
    throw new MillraceError("queue_not_found", `there is no queue ${JSON.stringify(queue)}`);
}

/** A job, or one key of it, that is to be paused. */
export interface JobPause {
  job: string;
  /** Only runs of this key; null for the whole job. */
  key: string | null;
  by: string;
  reason: string | null;
  /** When it resumes by itself; null for never. */
  until: Date | null;
}

/**
 * No run of the job, or of a key of it, is claimed any more; those that run go on.
 *
 * @throws MillraceError `unknown_job`; `invalid_request` for a key of a job that has none
 */
export function pauseJobOrKey(db: Database, pause: JobPause): Promise<void> {
  return inTransaction(db, async (tx) => {
    const [row] = await pauseJob(
      tx,
      pause.job,
      pause.key,
      pause.by,
      pause.reason,
      pause.until,
      null,
    );
    if (!row) throw noSuchJob(pause.job);
    await regate(tx, [pause.job]);
    await markForGate(tx, pause.job);
  });
}

/** Takes runs again. @throws MillraceError `unknown_job` when it is not paused */
export function resumeJobOrKey(db: Database, job: string, key: string | null): Promise<void> {
  return inTransaction(db, async (tx) => {
    await resumeJob(tx, job, key);
    await regate(tx, [job]);
  });
}

/** Holds a job, or a key of it, back because a server that it calls has asked for that: all its runs, on all workers. */
export function hold(
  db: Database,
  job: string,
  key: string | null,
  forMs: number,
  reason: string,
): Promise<void> {
  return inTransaction(db, async (tx) => {
    const [held] = await holdJob(tx, job, key, forMs, reason);
    if (!held) return;
    await regate(tx, [job]);
    await markForGate(tx, job);
  });
}

function noSuchJob(job: string): MillraceError {
  return new MillraceError("unknown_job", `no job named ${JSON.stringify(job)} is registered`);
}

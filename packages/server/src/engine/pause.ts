import { MillraceError } from "@millrace/core";
import { type Caller, MILLRACE } from "../security/caller.ts";
import type { Database } from "../store/database.ts";
import { type JobRow, readJob, regate } from "../store/jobs.ts";
import { holdJob, markForGate, pauseJob, queuesBeforeGate, resumeJob } from "../store/pauses.ts";
import { pauseQueue, resumeQueue } from "../store/queues.ts";
import type { Queryable } from "../store/statement.ts";
import { asActor, asCaller } from "./as-caller.ts";

/**
 * No run of the queue is claimed any more; those that run go on. Pausing again keeps the first instant.
 *
 * @param until when it resumes by itself, or
 * @param forMs after how many milliseconds by the database's clock; null both for never
 * @throws MillraceError `forbidden`, `queue_not_found`
 */
export function pause(
  db: Database,
  caller: Caller,
  queue: string,
  reason: string | null,
  until: Date | null = null,
  forMs: number | null = null,
): Promise<void> {
  return asCaller(db, caller, "operate", { ownQueue: queue }, async (tx) => {
    const [row] = await pauseQueue(tx, queue, caller.name, reason, until, forMs);
    if (!row) throw noQueue(queue);
  });
}

/** @throws MillraceError `forbidden`, `queue_not_found` */
export function resume(db: Database, caller: Caller, queue: string): Promise<void> {
  return asCaller(db, caller, "operate", { ownQueue: queue }, async (tx) => {
    const [row] = await resumeQueue(tx, queue);
    if (!row) throw noQueue(queue);
  });
}

/** A job, or one key of it, that is to be paused. */
export interface JobPause {
  job: string;
  /** Only runs of this key; null for the whole job. */
  key: string | null;
  reason: string | null;
  /** When it resumes by itself; null for never. */
  until: Date | null;
  /** Instead: after how many milliseconds by the database's clock. */
  forMs?: number | null;
}

/**
 * No run of the job, or of a key of it, is claimed any more; those that run go on.
 *
 * @throws MillraceError `forbidden`, `unknown_job`, `job_disabled`; `invalid_request` for a key of a job that has none
 */
export function pauseJobOrKey(db: Database, caller: Caller, pause: JobPause): Promise<void> {
  const { job, key, reason, until, forMs = null } = pause;
  return asCaller(db, caller, "operate", { job }, async (tx) => {
    const known = await requireJob(tx, job);
    if (key !== null && !known.flow.key) throw noKey(job);
    const [paused] = await pauseJob(tx, job, key, caller.name, reason, until, forMs);
    if (!paused) throw isDisabled(job);
    await regate(tx, [job]);
    await markForGate(tx, job);
  });
}

/**
 * Takes runs again. What is not paused stays as it is.
 *
 * @returns the queues in which runs of it wait
 * @throws MillraceError `forbidden`, `unknown_job`, `job_disabled`; `invalid_request` for a key of a job that has none
 */
export function resumeJobOrKey(
  db: Database,
  caller: Caller,
  job: string,
  key: string | null,
): Promise<string[]> {
  return asCaller(db, caller, "operate", { job }, async (tx) => {
    const known = await requireJob(tx, job);
    const [resumed] = await resumeJob(tx, job, key);
    if (!resumed && key === null && known.disabled) throw isDisabled(job);
    // A key that was paused may be resumed after the job has lost its key.
    if (!resumed && key !== null && !known.flow.key) throw noKey(job);
    await regate(tx, [job]);
    return (await queuesBeforeGate(tx, job)).map(({ name }) => name);
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
  return asActor(db, MILLRACE, async (tx) => {
    const [held] = await holdJob(tx, job, key, forMs, reason);
    if (!held) return;
    await regate(tx, [job]);
    await markForGate(tx, job);
  });
}

async function requireJob(tx: Queryable, name: string): Promise<JobRow> {
  const [job] = await readJob(tx, name);
  if (job) return job;
  throw new MillraceError("unknown_job", `no job named ${JSON.stringify(name)} is registered`);
}

function noQueue(queue: string): MillraceError {
  return new MillraceError("queue_not_found", `there is no queue ${JSON.stringify(queue)}`);
}

function isDisabled(job: string): MillraceError {
  return new MillraceError(
    "job_disabled",
    `job ${job} is disabled, so it is neither paused nor resumed; enable it first: millrace jobs enable ${job}`,
  );
}

function noKey(job: string): MillraceError {
  return new MillraceError(
    "invalid_request",
    `job ${job} has no key; leave the key out to mean the whole job, or give the job one (concurrency.key, rateLimit.key or fairBy)`,
    { pointer: "/key" },
  );
}

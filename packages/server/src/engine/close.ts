import { MillraceError } from "@millrace/core";
import type { Caller } from "../security/caller.ts";
import type { Database } from "../store/database.ts";
import { readJob, regate } from "../store/jobs.ts";
import { disableJob, enableJob, markForGate, queuesBeforeGate } from "../store/pauses.ts";
import { drainQueue, reopenQueue } from "../store/queues.ts";
import { asCaller } from "./as-caller.ts";

/** Why something takes no new runs, and when that ends by itself; null both for never. */
export interface Closing {
  reason: string | null;
  until: Date | null;
  /** Instead: after how many milliseconds by the database's clock. */
  forMs?: number | null;
}

/**
 * The queue takes no new runs; those that are there are started as before, and worked off. Children of runs that are under way are
 * taken all the same. Draining again keeps the first instant.
 *
 * @throws MillraceError `forbidden`, `queue_not_found`
 */
export function drain(db: Database, caller: Caller, queue: string, why: Closing): Promise<void> {
  return asCaller(db, caller, "operate", { ownQueue: queue }, async (tx) => {
    const { reason, until, forMs = null } = why;
    const [row] = await drainQueue(tx, queue, caller.name, reason, until, forMs);
    if (!row) throw noQueue(queue);
  });
}

/** @throws MillraceError `forbidden`, `queue_not_found` */
export function reopen(db: Database, caller: Caller, queue: string): Promise<void> {
  return asCaller(db, caller, "operate", { ownQueue: queue }, async (tx) => {
    const [row] = await reopenQueue(tx, queue);
    if (!row) throw noQueue(queue);
  });
}

/**
 * Nothing starts the job: no new run of it is taken, and none that waits is started; those that run go on. A pause of the whole job
 * becomes that. Children of runs that are under way are taken, and wait. Disabling again keeps the first instant.
 *
 * @throws MillraceError `forbidden`, `unknown_job`
 */
export function disableOne(db: Database, caller: Caller, job: string, why: Closing): Promise<void> {
  return asCaller(db, caller, "operate", { job }, async (tx) => {
    const { reason, until, forMs = null } = why;
    const [row] = await disableJob(tx, job, caller.name, reason, until, forMs);
    if (!row) throw noJob(job);
    await regate(tx, [job]);
    await markForGate(tx, job);
  });
}

/**
 * Lets a job be started again, and what of it has waited. A job that is not disabled stays as it is.
 *
 * @returns the queues in which runs of it wait
 * @throws MillraceError `forbidden`, `unknown_job`
 */
export function enableOne(db: Database, caller: Caller, job: string): Promise<string[]> {
  return asCaller(db, caller, "operate", { job }, async (tx) => {
    if (!(await readJob(tx, job))[0]) throw noJob(job);
    const [enabled] = await enableJob(tx, job);
    if (!enabled) return [];
    await regate(tx, [job]);
    return (await queuesBeforeGate(tx, job)).map(({ name }) => name);
  });
}

function noQueue(queue: string): MillraceError {
  return new MillraceError("queue_not_found", `there is no queue ${JSON.stringify(queue)}`);
}

function noJob(job: string): MillraceError {
  return new MillraceError("unknown_job", `no job named ${JSON.stringify(job)} is registered`);
}

import { MillraceError } from "@millrace/core";
import type { Caller } from "../security/caller.ts";
import type { Database } from "../store/database.ts";
import type { Queryable } from "../store/statement.ts";
import {
  type SampleRow,
  askForSample,
  quietWorker,
  readSample,
  readWorker,
  resumeWorker,
} from "../store/workers.ts";
import { asCaller } from "./as-caller.ts";

/**
 * Asks a worker to take nothing new: what it has goes on to its end. It hears of it by its next heartbeat, which comes four times in each lease; until it
 * is told to take runs again, or its process begins anew.
 *
 * @throws MillraceError `forbidden`, `worker_not_found`, `worker_not_steerable` for one that has ended, or takes nothing already
 */
export function quiet(db: Database, caller: Caller, id: number): Promise<void> {
  return asCaller(db, caller, "operate", { worker: id }, async (tx, tell) => {
    const [worker] = await quietWorker(tx, id, caller.name);
    if (!worker) throw await unsteerable(tx, id);
    tell("worker.quieted", `worker:${id}`, { after: { name: worker.name } });
  });
}

/**
 * Has a worker take runs again that was asked to take nothing new.
 *
 * @throws MillraceError `forbidden`, `worker_not_found`, `worker_not_steerable` for one that was not asked
 */
export function resumeTaking(db: Database, caller: Caller, id: number): Promise<void> {
  return asCaller(db, caller, "operate", { worker: id }, async (tx, tell) => {
    const [worker] = await resumeWorker(tx, id);
    if (!worker) throw await unsteerable(tx, id);
    tell("worker.resumed", `worker:${id}`, { after: { name: worker.name } });
  });
}

/**
 * Asks a worker to look what its main thread does. It hears of it as of the others, and looks from another thread, so that one whose event loop stands
 * answers, too.
 *
 * @throws MillraceError `forbidden`, `worker_not_found`, `worker_not_steerable` for one that has ended
 */
export function askForStack(db: Database, caller: Caller, id: number): Promise<SampleRow> {
  return asCaller(db, caller, "operate", { worker: id }, async (tx, tell) => {
    const [worker] = await askForSample(tx, id, caller.name);
    if (!worker) throw await unsteerable(tx, id);
    tell("worker.sampled", `worker:${id}`, { after: { name: worker.name } });
    return requireSample(tx, id);
  });
}

/** What there is of it. @throws MillraceError `worker_not_found` */
export async function requireSample(db: Queryable, id: number): Promise<SampleRow> {
  const [row] = await readSample(db, id);
  if (row) return row;
  throw notFound(id);
}

async function unsteerable(
  tx: Parameters<typeof readWorker>[0],
  id: number,
): Promise<MillraceError> {
  const [worker] = await readWorker(tx, id);
  if (!worker) return notFound(id);
  return new MillraceError("worker_not_steerable", `worker ${id} ${why(worker)}`);
}

function notFound(id: number): MillraceError {
  return new MillraceError(
    "worker_not_found",
    `there is no worker ${id}; GET /api/v1/workers lists them`,
  );
}

function why({
  state,
  quieted_at: quieted,
}: Awaited<ReturnType<typeof readWorker>>[number]): string {
  if (state === "active") return "takes runs";
  if (state !== "draining") return `has ended: it is ${state}`;
  return quieted ? "takes nothing new already" : "is being stopped, and takes nothing new any more";
}

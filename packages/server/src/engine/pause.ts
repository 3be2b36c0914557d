import { MillraceError } from "@millrace/core";
import { pauseQueue, resumeQueue } from "../store/queues.ts";
import type { Queryable } from "../store/statement.ts";

/**
 * No run of the queue is claimed any more; those that run go on. Pausing again keeps the first instant.
 *
 * @throws MillraceError `queue_not_found`
 */
export async function pause(
  db: Queryable,
  queue: string,
  by: string,
  reason: string | null,
): Promise<void> {
  const [row] = await pauseQueue(db, queue, by, reason);
  if (!row)
    throw new MillraceError("queue_not_found", `there is no queue ${JSON.stringify(queue)}`);
}

/** @throws MillraceError `queue_not_found` */
export async function resume(db: Queryable, queue: string): Promise<void> {
  const [row] = await resumeQueue(db, queue);
  if (!row)
    throw new MillraceError("queue_not_found", `there is no queue ${JSON.stringify(queue)}`);
}

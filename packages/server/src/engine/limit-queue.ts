import { MillraceError, type Rate } from "@millrace/core";
import { type Database, inTransaction } from "../store/database.ts";
import { markQueueForGate } from "../store/pauses.ts";
import { limitQueue } from "../store/queues.ts";

/** What a queue may do over all workers. */
export interface QueueLimits {
  /** How many of its runs run at the same time; null for as many as there are slots. */
  concurrency: number | null;
  /** How many of its runs start; null for as many as can. */
  rate: Rate | null;
}

/**
 * Limits a queue, or takes its limits away. What runs goes on, and does not count: it was started without a limit.
 *
 * @throws MillraceError `queue_not_found`
 */
export function setQueueLimits(db: Database, queue: string, limits: QueueLimits): Promise<void> {
  return inTransaction(db, async (tx) => {
    const rate = limits.rate && JSON.stringify(limits.rate);
    const [row] = await limitQueue(tx, queue, limits.concurrency, rate);
    if (!row) {
      throw new MillraceError("queue_not_found", `there is no queue ${JSON.stringify(queue)}`);
    }
    if (limits.concurrency !== null || limits.rate !== null) await markQueueForGate(tx, queue);
  });
}

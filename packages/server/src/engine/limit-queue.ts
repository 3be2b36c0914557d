import { MillraceError, type Rate } from "@millrace/core";
import type { Caller } from "../security/caller.ts";
import type { Database } from "../store/database.ts";
import { countDepths } from "../store/depths.ts";
import { reopenLanes } from "../store/gate.ts";
import { markQueueForGate } from "../store/pauses.ts";
import {
  type LimitedRow,
  type QueueLimitsRow,
  limitQueue,
  lockQueueLimits,
  resetQueueLimits,
} from "../store/queues.ts";
import type { Queryable } from "../store/statement.ts";
import { asCaller } from "./as-caller.ts";
import { changingRates } from "./change-rates.ts";

/** What a queue may do over all workers. */
export interface QueueLimits {
  /** How many of its runs run at the same time; null for as many as there are slots. */
  concurrency: number | null;
  /** How many of its runs start; null for as many as can. */
  rate: Rate | null;
  /** How many of its runs may wait, as far as they were counted; null for as many as come. */
  maxDepth: number | null;
}

/**
 * Limits a queue, or takes its limits away; one that is not given stays. They hold instead of those that code defines
 * until {@link resetLimits}. What runs goes on, and does not count if it was started without a limit.
 *
 * @param look at the limits of before, locked; may throw
 * @throws MillraceError `forbidden`, `queue_not_found`
 */
export function setQueueLimits(
  db: Database,
  caller: Caller,
  queue: string,
  { concurrency, rate, maxDepth }: Partial<QueueLimits>,
  look?: (before: QueueLimitsRow) => void,
): Promise<void> {
  return asCaller(db, caller, "operate", { ownQueue: queue }, async (tx) => {
    await lookAt(tx, queue, look);
    const rows = await changingRates(tx, { queues: [queue] }, () =>
      limitQueue(
        tx,
        queue,
        concurrency !== undefined,
        concurrency ?? null,
        rate !== undefined,
        rate ? JSON.stringify(rate) : null,
        caller.name,
        maxDepth !== undefined,
        maxDepth ?? null,
      ),
    );
    await applyLimits(tx, requireOne(rows, queue));
  });
}

/**
 * Gives a queue back the limits that code defines; none when no code does.
 *
 * @param look as of {@link setQueueLimits}
 * @throws MillraceError `forbidden`, `queue_not_found`
 */
export function resetLimits(
  db: Database,
  caller: Caller,
  queue: string,
  look?: (before: QueueLimitsRow) => void,
): Promise<void> {
  return asCaller(db, caller, "operate", { ownQueue: queue }, async (tx) => {
    await lookAt(tx, queue, look);
    const rows = await changingRates(tx, { queues: [queue] }, () => resetQueueLimits(tx, queue));
    await applyLimits(tx, requireOne(rows, queue));
  });
}

/** What waits already obeys the limits as they are now. */
export async function applyLimits(tx: Queryable, queues: readonly LimitedRow[]): Promise<void> {
  for (const { name, gated } of queues) {
    if (gated) await markQueueForGate(tx, name);
  }
  // From the first run on, not from the next count.
  await countDepths(tx, 0);
  await reopenLanes(
    tx,
    [],
    queues.map(({ name }) => name),
  );
}

async function lookAt(
  tx: Queryable,
  queue: string,
  look: ((before: QueueLimitsRow) => void) | undefined,
): Promise<void> {
  const [before] = look ? await lockQueueLimits(tx, queue) : [];
  if (before) look?.(before);
}

function requireOne(rows: readonly LimitedRow[], queue: string): readonly LimitedRow[] {
  if (rows.length > 0) return rows;
  throw new MillraceError("queue_not_found", `there is no queue ${JSON.stringify(queue)}`);
}

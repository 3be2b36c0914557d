import { failpoint } from "../runtime/failpoints.ts";
import { type Database, inTransaction } from "../store/database.ts";
import { wakeWaiting } from "../store/timers.ts";
import { hasArrivals, meet } from "../store/waits.ts";

/** Events in one transaction, which locks the waits of all runs that are concerned. */
const BATCH = 200;

/**
 * Gives the events that were sent to the runs that wait for them, and wakes those. Any number of processes may do so at once.
 *
 * @returns the queues that got runs
 */
export async function meetWaits(db: Database): Promise<string[]> {
  const queues = new Set<string>();
  for (let looked = BATCH; looked === BATCH;) {
    if (!(await hasArrivals(db))[0]!.some) break;
    failpoint("meet.before");
    const woken = await inTransaction(db, async (tx) => {
      const [met] = await meet(tx, BATCH);
      looked = met!.looked;
      // By another statement: a run that was suspended while the first waited for its locks is seen by this one only.
      return met!.runs.length > 0 ? wakeWaiting(tx, met!.runs) : [];
    });
    failpoint("meet.after_commit");
    for (const { queue } of woken) queues.add(queue);
  }
  return [...queues];
}

import { failpoint } from "../runtime/failpoints.ts";
import { meetChildren } from "../store/children.ts";
import { type Database, inTransaction } from "../store/database.ts";
import { wakeWaiting } from "../store/timers.ts";
import { meet, readNews } from "../store/waits.ts";
import { cancelOrphans } from "./cancel-orphans.ts";

/** Events, or ends of children, in one transaction, which locks the waits of all runs that are concerned. */
const BATCH = 200;

/**
 * Gives the events that were sent and the results of children that have ended to the runs that wait for them, wakes those, and cancels the
 * children for which nobody waits any more. Any number of processes may do so at once.
 *
 * @param ring called with queues that got runs, as soon as they have them
 */
export async function meetWaits(
  db: Database,
  ring: (queue: string) => void = () => {},
): Promise<void> {
  for (let more = true; more;) {
    const [news] = await readNews(db);
    const { events, ends, orphans } = news!;
    more = false;
    for (const give of [...(events ? [giveEvents] : []), ...(ends ? [giveResults] : [])]) {
      failpoint("meet.before");
      const given = await inTransaction(db, give);
      failpoint("meet.after_commit");
      for (const queue of new Set(given.queues)) ring(queue);
      if (given.looked === BATCH) more = true;
    }
    if (orphans && (await cancelOrphans(db))) more = true;
  }
}

type Give = Parameters<typeof inTransaction<{ looked: number; queues: string[] }>>[1];

const giveEvents: Give = async (tx) => {
  const [met] = await meet(tx, BATCH);
  return { looked: met!.looked, queues: await wake(tx, met!.runs) };
};

const giveResults: Give = async (tx) => {
  const [met] = await meetChildren(tx, BATCH);
  return { looked: met!.looked, queues: [...met!.queues, ...(await wake(tx, met!.runs))] };
};

/** By another statement: a run that was suspended while the first waited for its locks is seen by this one only. */
async function wake(tx: Parameters<Give>[0], runs: string[]): Promise<string[]> {
  if (runs.length === 0) return [];
  return (await wakeWaiting(tx, runs)).map(({ queue }) => queue);
}

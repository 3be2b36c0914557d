import { failpoint } from "../runtime/failpoints.ts";
import type { Queryable } from "../store/statement.ts";
import { dispatchDue, nextTimer } from "../store/timers.ts";

/** Timers moved by one statement: some 10 ms of work. */
const BATCH = 1000;

export interface Dispatched {
  /** The queues that got runs. */
  queues: string[];
  runs: number;
  /** Milliseconds until the next timer is due, null when there is none. */
  nextInMs: number | null;
}

/** Moves what is due into `ready`. */
export async function dispatch(db: Queryable): Promise<Dispatched> {
  failpoint("dispatch.before");
  const rows = await dispatchDue(db, BATCH);
  failpoint("dispatch.after_commit");
  const [next] = await nextTimer(db);
  return {
    queues: rows.map((row) => row.queue),
    runs: rows.reduce((sum, row) => sum + row.runs, 0),
    nextInMs: next?.in_ms ?? null,
  };
}

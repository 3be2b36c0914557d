import { setTimeout as pause } from "node:timers/promises";
import type pg from "pg";
import { type Database, rolledBack } from "./database.ts";

const ASK_EVERY_MS = 100;

/** A session that sat still through hours of work may have gone silent: who has done the work does not wait for it as for a statement. */
const GIVE_BACK_WITHIN_MS = 5000;

/** Waits until nobody else holds the lock, and works while it is held. */
export function whileLocked<T>(db: Database, lock: number, work: () => Promise<T>): Promise<T> {
  return holding(db, async (tryLock) => {
    // By asking again: a session that sleeps in pg_advisory_lock holds a snapshot that blocks concurrent indexing.
    while (!(await tryLock(lock))) await pause(ASK_EVERY_MS);
    return work();
  });
}

/** The same, unless somebody holds it at this moment; then nothing is done. */
export function ifUnlocked<T>(
  db: Database,
  lock: number,
  work: () => Promise<T>,
): Promise<T | undefined> {
  return holding(db, async (tryLock) => ((await tryLock(lock)) ? work() : undefined));
}

/**
 * The lock is that of a transaction that does nothing else, so that a pooler in transaction mode keeps the session for it,
 * too. Between its statements it has no snapshot: nothing waits for it that does not want the lock.
 */
async function holding<T>(
  db: Database,
  work: (tryLock: (lock: number) => Promise<boolean>) => Promise<T>,
): Promise<T> {
  const client = await db.connect();
  try {
    await client.query("begin; set local idle_in_transaction_session_timeout = 0");
    return await work((lock) => take(client, lock));
  } finally {
    // It is free when this is answered. A session that is only closed holds it until the server has heard of that.
    client.release(!(await rolledBack(client, GIVE_BACK_WITHIN_MS)));
  }
}

async function take(client: pg.PoolClient, lock: number): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(
    "select pg_try_advisory_xact_lock($1) as locked",
    [lock],
  );
  return rows[0]?.locked === true;
}

import { Sparing } from "../runtime/sparing.ts";
import { type Database, type Transaction, inTransaction, sqlState } from "../store/database.ts";

const QUERY_CANCELED = "57014";

/**
 * Counts what waits, when a scrape asks for it. Its cost follows the backlog, never the history; so it takes a tenth of the time at the
 * most, however many ask, and is given up after two seconds.
 *
 * @returns which answers null when it was given up: then the counts are missing, and the database is up
 */
export function countingOf<T>(
  db: Database,
  count: (tx: Transaction) => Promise<T>,
): Sparing<T | null> {
  return new Sparing<T | null>(
    () =>
      inTransaction(db, async (tx) => {
        await tx.query({ text: "set local statement_timeout = '2s'" });
        return count(tx);
      }).catch((error: unknown) => {
        if (sqlState(error) === QUERY_CANCELED) return null;
        throw error;
      }),
    0,
  );
}

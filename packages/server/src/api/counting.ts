import { MillraceError } from "@millrace/core";
import { Sparing } from "../runtime/sparing.ts";
import { type Database, bounded } from "../store/database.ts";
import type { Queryable } from "../store/statement.ts";

/**
 * Counts what waits, when a scrape asks for it. Its cost follows the backlog, never the history; so it takes a tenth of the time at the
 * most, however many ask, and is given up after two seconds.
 *
 * @returns which answers null when it was given up: then the counts are missing, and the database is up
 */
export function countingOf<T>(
  db: Database,
  count: (tx: Queryable) => Promise<T>,
): Sparing<T | null> {
  return new Sparing<T | null>(
    () =>
      bounded(db, count).catch((error: unknown) => {
        if (error instanceof MillraceError && error.code === "took_too_long") return null;
        throw error;
      }),
    0,
  );
}

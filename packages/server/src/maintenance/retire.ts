import { setTimeout as pause } from "node:timers/promises";
import { sqlState } from "../store/database.ts";
import { type HistoryTable, findBlockers, retirePartition } from "../store/partitions.ts";
import type { Queryable } from "../store/statement.ts";

/** A claim that begins while a partition goes is held up for so long at the most, plus the milliseconds of the drop. */
const PATIENCE_MS = 100;

const TRIES = 8;

/** Whoever has held a table for so long will hold it on: no use in making others wait behind us. */
const LONG_MS = 1000;

const LOCK_NOT_AVAILABLE = "55P03";

export type Retired =
  | { how: "dropped"; moved: number }
  | { how: "too full" }
  | { how: "blocked"; by: string };

/**
 * Takes a partition away without a lock that others notice: it asks for the lock for a tenth of a second, and tries again
 * later if it did not get it.
 */
export async function retire(
  db: Queryable,
  table: HistoryTable,
  name: string,
  { rehome = false }: { rehome?: boolean } = {},
): Promise<Retired> {
  for (let tries = 1; ; tries++) {
    const blocked = await blockersOf(db, table);
    if (blocked === undefined) {
      try {
        const [row] = await retirePartition(db, table, name, PATIENCE_MS, rehome);
        const moved = row?.moved ?? 0;
        return moved < 0 ? { how: "too full" } : { how: "dropped", moved };
      } catch (error) {
        if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error;
      }
    }
    if (tries === TRIES) {
      return { how: "blocked", by: blocked ?? "many short transactions" };
    }
    await pause(PATIENCE_MS * (1 + 4 * Math.random()));
  }
}

async function blockersOf(db: Queryable, table: HistoryTable): Promise<string | undefined> {
  const [oldest] = await findBlockers(db, table, LONG_MS);
  if (!oldest) return undefined;
  const { pid, application, user_name: user, state, seconds } = oldest;
  return `process ${pid} (${application || "no name"}, user ${user}, ${state}) for ${Math.round(seconds)} s`;
}

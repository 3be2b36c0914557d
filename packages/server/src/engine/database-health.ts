import {
  type HistoryRow,
  type HotTableRow,
  type SnapshotRow,
  readClaimTimes,
  readHistory,
  readHomeless,
  readHotTables,
  readServerLoad,
  readSnapshots,
} from "../store/health.ts";
import type { Queryable } from "../store/statement.ts";

/** What the database says of itself. Where this role may not look, numbers are missing, never wrong. */
export interface DatabaseHealth {
  hotTables: HotTableRow[];
  /** Who keeps rows that are gone from being removed, oldest first; five at the most. */
  snapshots: SnapshotRow[];
  history: HistoryRow[];
  homeless: { runs: number; newest_at: Date | null };
  claims: { claims: number | null; p50_ms: number | null; p99_ms: number | null };
  server: Awaited<ReturnType<typeof readServerLoad>>[number];
}

/** Reads statistics views, the catalog and sizes of files: a few milliseconds, whatever the tables hold. To be {@link bounded} all the same. */
export async function readDatabaseHealth(db: Queryable): Promise<DatabaseHealth> {
  const [hotTables, snapshots, history, [homeless], [claims], [server]] = await Promise.all([
    readHotTables(db),
    readSnapshots(db),
    readHistory(db),
    readHomeless(db),
    readClaimTimes(db),
    readServerLoad(db),
  ]);
  if (!homeless || !claims || !server) throw new Error("the server did not tell of itself");
  return { hotTables, snapshots, history, homeless, claims, server };
}

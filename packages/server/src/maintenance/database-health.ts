import { type Database, inTransaction } from "../store/database.ts";
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

/** Whatever takes longer says more about the database than its answer would. */
const PATIENCE = "set local statement_timeout = '2s'";

/** Reads statistics views, the catalog and sizes of files: a few milliseconds, whatever the tables hold. */
export function readDatabaseHealth(db: Database): Promise<DatabaseHealth> {
  return inTransaction(db, async (tx) => {
    await tx.query({ text: PATIENCE });
    const hotTables = await readHotTables(tx);
    const snapshots = await readSnapshots(tx);
    const history = await readHistory(tx);
    const [homeless = { runs: 0, newest_at: null }] = await readHomeless(tx);
    const [claims = { claims: null, p50_ms: null, p99_ms: null }] = await readClaimTimes(tx);
    const [server] = await readServerLoad(tx);
    if (!server) throw new Error("the server did not tell of itself");
    return { hotTables, snapshots, history, homeless, claims, server };
  });
}

import { Sparing } from "../runtime/sparing.ts";
import { type Database, bounded } from "../store/database.ts";
import { Gauge, type Registry } from "../telemetry/metrics.ts";
import { type DatabaseHealth, readDatabaseHealth } from "../engine/database-health.ts";

/** Scrapes that come closer together than this see the same. */
const FRESH_MS = 5000;

/** The database's health as gauges: the same from every process. What cannot be read now is not shown as it was. */
export function measureHealth(registry: Registry, db: Database): void {
  const registers = [registry];
  const health = new Sparing(() => bounded(db, readDatabaseHealth), FRESH_MS);
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const byTable = (name: string, help: string) =>
    new Gauge({ name, help, labelNames: ["table"], registers });
  const gauges = {
    dead: byTable("millrace_dead_rows", "Rows of a hot table that are gone, but not vacuumed away"),
    live: byTable("millrace_live_rows", "Rows of a hot table"),
    hotBytes: byTable("millrace_hot_table_bytes", "Size of a hot table with its indexes"),
    orderBytes: gauge("millrace_ready_index_bytes", "Size of the index that claims walk"),
    partitions: byTable("millrace_history_partitions", "Partitions of a history table"),
    historyBytes: byTable("millrace_history_bytes", "Size of a history table with its indexes"),
    oldest: gauge(
      "millrace_history_oldest_timestamp_seconds",
      "Where the oldest partition of run begins, Unix time",
    ),
    homeless: gauge(
      "millrace_runs_without_partition",
      "Runs in the default partition, counted up to 10,000",
    ),
    snapshotSeconds: gauge(
      "millrace_oldest_snapshot_seconds",
      "Age of the oldest transaction that keeps rows that are gone from being removed",
    ),
    snapshotAge: gauge(
      "millrace_oldest_snapshot_xids",
      "The same in transaction ids, replication slots and prepared transactions included",
    ),
    frozenAge: gauge(
      "millrace_database_frozen_age_xids",
      "Transaction ids since the oldest row that is not frozen",
    ),
    connections: gauge("millrace_database_connections", "Connections to the server"),
    maxConnections: gauge("millrace_database_max_connections", "Connections that the server takes"),
    wal: gauge(
      "millrace_database_wal_bytes",
      "Write-ahead log that the whole server wrote since its statistics began",
    ),
  };
  const claims = new Gauge({
    name: "millrace_claim_seconds",
    help: "How long claims took within the last minute, of the slowest worker",
    labelNames: ["percentile"],
    registers,
  });
  const readable: Gauge = new Gauge({
    name: "millrace_database_health_up",
    help: "1 when the database told of its health",
    registers,
    collect: async () => {
      const read = await health.read().catch(() => undefined);
      readable.set({}, read ? 1 : 0);
      for (const metric of [...Object.values(gauges), claims]) metric.reset();
      if (read) show(read);
    },
  });

  function show({
    hotTables,
    history,
    homeless,
    snapshots,
    server,
    claims: times,
  }: DatabaseHealth) {
    for (const { name: table, live, dead, bytes, order_index_bytes: order } of hotTables) {
      gauges.dead.set({ table }, dead);
      gauges.live.set({ table }, live);
      gauges.hotBytes.set({ table }, bytes);
      if (order !== null) gauges.orderBytes.set({}, order);
    }
    for (const { table_name: table, partitions, bytes, oldest_at: oldest } of history) {
      gauges.partitions.set({ table }, partitions);
      gauges.historyBytes.set({ table }, bytes);
      if (table === "run" && oldest) gauges.oldest.set({}, oldest.getTime() / 1000);
    }
    gauges.homeless.set({}, homeless.runs);
    gauges.snapshotSeconds.set({}, Math.max(0, ...snapshots.map(({ seconds }) => seconds ?? 0)));
    gauges.snapshotAge.set({}, Math.max(0, ...snapshots.map(({ age }) => age)));
    gauges.frozenAge.set({}, server.frozen_age);
    gauges.connections.set({}, server.connections);
    gauges.maxConnections.set({}, server.max_connections);
    gauges.wal.set({}, server.wal_bytes);
    if (times.p50_ms !== null) claims.set({ percentile: 50 }, times.p50_ms / 1000);
    if (times.p99_ms !== null) claims.set({ percentile: 99 }, times.p99_ms / 1000);
  }
}

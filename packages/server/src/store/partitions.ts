import { statement } from "./statement.ts";

/** The history tables; all have partitions of the same kinds. `run` goes first, so that a run is there with all it has, or not at all. */
export const HISTORY_TABLES = [
  "run",
  "attempt",
  "event",
  "log",
  "step",
  "run_field",
  "progress",
] as const;

export type HistoryTable = (typeof HISTORY_TABLES)[number];

/**
 * Makes the partitions of one history table from a day on, where they are absent; answers how many were made. It waits
 * 100 ms for each of its two locks (SQLSTATE 55P03 when that was too short), because everybody else waits behind it.
 *
 * Parameters: table, first day (an instant in it), how many days, up to how many days each partition holds.
 */
export const ensurePartitions = statement<
  [table: HistoryTable, from: Date, days: number, span: number],
  { made: number }
>(
  "ensure_partitions",
  `select millrace.ensure_partitions(($2::timestamptz at time zone 'UTC')::date, $3, $4, $1) as made`,
);

export interface PartitionRow {
  parent: HistoryTable;
  name: string;
  from_at: Date;
  to_at: Date;
  bytes: number;
}

/** All partitions but the default ones, oldest first. */
export const listPartitions = statement<[], PartitionRow>(
  "list_partitions",
  `select parent, name, from_at, to_at, pg_total_relation_size(relation) as bytes
   from millrace.partition where from_at is not null order by from_at, parent`,
);

/**
 * Drops a partition. With rehome, what is in it moves to the default partition first, under the lock; -1 says that it is too
 * much for that, and nothing was done.
 * It waits for its locks no longer than the patience in all (SQLSTATE 55P03), then holds them for milliseconds.
 */
export const retirePartition = statement<
  [table: HistoryTable, name: string, patienceMs: number, rehome: boolean],
  { moved: number }
>("retire_partition", `select millrace.retire_partition($1, $2, $3, $4) as moved`);

/**
 * Whoever holds a lock on a table (or its default partition) in a transaction that is older than so many milliseconds:
 * nobody need try before it has ended. Of other roles' sessions the age is seen only by members of pg_read_all_stats.
 */
export const findBlockers = statement<
  [table: HistoryTable, olderThanMs: number],
  { pid: number; application: string; user_name: string; state: string; seconds: number }
>(
  "find_blockers",
  `select distinct a.pid, a.application_name as application, coalesce(a.usename::text, '') as user_name,
     coalesce(a.state, '') as state, extract(epoch from clock_timestamp() - a.xact_start)::float8 as seconds
   from pg_locks l join pg_stat_activity a on a.pid = l.pid
   where l.locktype = 'relation' and l.database = (select oid from pg_database where datname = current_database())
     and l.relation in (to_regclass('millrace.' || $1::text), to_regclass('millrace.' || $1::text || '_default'))
     and l.granted and a.pid <> pg_backend_pid()
     and a.xact_start < clock_timestamp() - $2::float8 * interval '1 millisecond'
   order by seconds desc`,
);

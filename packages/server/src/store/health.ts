import { statement } from "./statement.ts";

export interface HotTableRow {
  name: string;
  live: number;
  /** Rows that are gone, but not vacuumed away; an estimate of PostgreSQL's. */
  dead: number;
  bytes: number;
  /** Of the index that claims walk. Null but for `ready`. */
  order_index_bytes: number | null;
}

/** The tables that change with every run and must stay small. */
export const readHotTables = statement<[], HotTableRow>(
  "read_hot_tables",
  `select s.relname::text as name, s.n_live_tup as live, s.n_dead_tup as dead, pg_total_relation_size(s.relid) as bytes,
     case s.relname when 'ready' then pg_relation_size('millrace.ready_order') end as order_index_bytes
   from pg_stat_user_tables s
   where s.schemaname = 'millrace' and s.relname in ('ready', 'lease', 'timer', 'worker') order by s.relname`,
);

export interface SnapshotRow {
  kind: "session" | "prepared transaction" | "replication slot";
  /** Process id, name of the prepared transaction, or name of the slot. */
  id: string;
  /** Empty where there is none. */
  application: string;
  user_name: string;
  state: string;
  /** Since its transaction began; null for a slot, and where this role may not see it. */
  seconds: number | null;
  /** How many transaction ids ago its view of the world was taken. */
  age: number;
  query: string;
}

/**
 * Who keeps PostgreSQL from removing rows that are gone, the oldest first. Sessions count in their own database only; a
 * standby's feedback comes through its slot, or as a session of a walsender.
 */
export const readSnapshots = statement<[], SnapshotRow>(
  "read_snapshots",
  `select * from (
     select 'session' as kind, a.pid::text as id, coalesce(a.application_name, '') as application, coalesce(a.usename::text, '') as user_name,
       coalesce(a.state, '') as state, extract(epoch from clock_timestamp() - a.xact_start)::float8 as seconds,
       age(a.backend_xmin) as age, left(coalesce(a.query, ''), 200) as query
     from pg_stat_activity a
     where a.backend_xmin is not null and a.pid <> pg_backend_pid() and a.backend_type <> 'autovacuum worker'
       and (a.datname = current_database() or a.datname is null)
     union all
     select 'prepared transaction', p.gid, '', p.owner::text, '', extract(epoch from clock_timestamp() - p.prepared)::float8,
       age(p.transaction), ''
     from pg_prepared_xacts p where p.database = current_database()
     union all
     select 'replication slot', r.slot_name::text, coalesce(r.plugin::text, ''), '', case when r.active then 'active' else 'inactive' end,
       null, greatest(age(r.xmin), age(r.catalog_xmin)), ''
     from pg_replication_slots r where r.xmin is not null or r.catalog_xmin is not null
   ) s
   order by seconds desc nulls last, age desc limit 5`,
);

export const readServerLoad = statement<
  [],
  {
    connections: number;
    max_connections: number;
    /** Transaction ids since the oldest row that is not frozen; PostgreSQL stops at two thousand million. */
    frozen_age: number;
    /** At this age it begins to freeze by itself. */
    freeze_max_age: number;
    /** Written by the whole server since its statistics began. */
    wal_bytes: number;
    /** Whether this role sees the sessions of others only from outside. */
    half_blind: boolean;
  }
>(
  "read_server_load",
  `select (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as connections,
     current_setting('max_connections')::int as max_connections,
     (select age(datfrozenxid) from pg_database where datname = current_database()) as frozen_age,
     current_setting('autovacuum_freeze_max_age')::int as freeze_max_age,
     (select wal_bytes::float8 from pg_stat_wal) as wal_bytes,
     not pg_has_role('pg_read_all_stats', 'usage') as half_blind`,
);

export interface HistoryRow {
  table_name: string;
  /** The default one not counted. */
  partitions: number;
  bytes: number;
  oldest_at: Date | null;
}

/** The history by table; from the catalog and the sizes of files alone. */
export const readHistory = statement<[], HistoryRow>(
  "read_history",
  `select parent as table_name, count(from_at)::int as partitions, sum(pg_total_relation_size(relation))::float8 as bytes,
     min(from_at) as oldest_at
   from millrace.partition group by parent order by parent`,
);

/** Runs that have no partition of their own, counted up to 10,000; and, of those, the newest one's time. */
export const readHomeless = statement<[], { runs: number; newest_at: Date | null }>(
  "read_homeless",
  `select (select count(*)::int from (select from millrace.run_default limit 10000) r) as runs,
     (select millrace.uuid_time(id) from millrace.run_default order by id desc limit 1) as newest_at`,
);

/** The slowest of the living workers, by what they say of their claims within the last minute. */
export const readClaimTimes = statement<
  [],
  { claims: number | null; p50_ms: number | null; p99_ms: number | null }
>(
  "read_claim_times",
  `select sum(claims)::int as claims, max(claim_p50_ms)::float8 as p50_ms, max(claim_p99_ms)::float8 as p99_ms
   from millrace.worker where state in ('active', 'draining') and claims_at > clock_timestamp() - interval '1 minute'`,
);

export interface WaiterRow {
  pid: number;
  seconds: number;
  query: string;
  /** Who holds what it waits for. */
  blocker: number;
  application: string;
  user_name: string;
  state: string;
  /** Since its transaction began; null where this role may not see it. */
  blocker_seconds: number | null;
}

/** Our sessions that have waited for somebody's lock for five seconds or more, the longest first, five at the most. */
export const readLockWaits = statement<[], WaiterRow>(
  "read_lock_waits",
  `select w.pid, extract(epoch from clock_timestamp() - w.query_start)::float8 as seconds, left(w.query, 80) as query,
     b.pid as blocker, coalesce(b.application_name, '') as application, coalesce(b.usename::text, '') as user_name,
     coalesce(b.state, '') as state, extract(epoch from clock_timestamp() - b.xact_start)::float8 as blocker_seconds
   from pg_stat_activity w
   cross join lateral (select unnest(pg_blocking_pids(w.pid)) as pid limit 1) held
   join pg_stat_activity b on b.pid = held.pid
   where w.datname = current_database() and w.application_name in ('millrace', 'millrace heartbeat') and w.wait_event_type = 'Lock'
     and w.query_start < clock_timestamp() - interval '5 seconds'
   order by w.query_start limit 5`,
);

import { statement } from "./statement.ts";

/** What must be known of a server before its schema is touched. Needs no table of ours. */
export const readServerFacts = statement<
  [],
  {
    version: string;
    version_number: number;
    in_recovery: boolean;
    fsync: string;
    full_page_writes: string;
    synchronous_commit: string;
    connections: number;
    max_connections: number;
    now: Date;
  }
>(
  "server_facts",
  `select current_setting('server_version') as version, current_setting('server_version_num')::int as version_number,
     pg_is_in_recovery() as in_recovery, current_setting('fsync') as fsync,
     current_setting('full_page_writes') as full_page_writes,
     current_setting('synchronous_commit') as synchronous_commit,
     (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as connections,
     current_setting('max_connections')::int as max_connections, clock_timestamp() as now`,
);

/** How many days from today on have a partition of their own, without a gap. */
export const countDaysAhead = statement<[], { days: number }>(
  "count_days_ahead",
  `with p as materialized (select from_at, to_at from millrace.partition where parent = 'run' and from_at is not null),
     day as (
       select n, ((clock_timestamp() at time zone 'UTC')::date + n)::timestamp at time zone 'UTC' as at
       from generate_series(0, 99) n
     )
   select coalesce(min(n) filter (where not exists (select from p where p.from_at <= day.at and p.to_at > day.at)), 100)::int as days
   from day`,
);

/** How this session plans: what store/database.ts sets, or a pooler should have. */
export const readPlanning = statement<[], { enable_seqscan: string }>(
  "read_planning",
  `select current_setting('enable_seqscan') as enable_seqscan`,
);

export interface MightyLoginRow {
  user_name: string;
  superuser: boolean;
  sessions: number;
}

/**
 * Sessions of processes on other machines whose role may do whatever it likes with our tables: a superuser, or one who owns them. This session is
 * not among them. Where others are from is told to members of pg_read_all_stats alone, and of one's own role.
 */
export const mightyLogins = statement<[], MightyLoginRow>(
  "mighty_logins",
  `select r.rolname as user_name, r.rolsuper as superuser, count(*)::int as sessions
   from pg_stat_activity a
   join pg_roles r on r.oid = a.usesysid
   cross join (select nspowner from pg_namespace where nspname = 'millrace') n
   where a.datname = current_database() and a.application_name in ('millrace', 'millrace heartbeat') and a.pid <> pg_backend_pid()
     and not (a.client_addr <<= inet '127.0.0.0/8' or a.client_addr = inet '::1')
     and (r.rolsuper or pg_has_role(r.oid, n.nspowner, 'member'))
   group by r.rolname, r.rolsuper order by r.rolname`,
);

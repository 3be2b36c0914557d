import { statement } from "./statement.ts";

/** Registers a process that serves, and forgets those that have been silent for an hour. Parameters: its name; what it does; its version; connections that its pool may have. */
export const registerProcess = statement<
  [name: string, roles: string[], version: string, poolMax: number],
  { id: number }
>(
  "register_process",
  `with forgotten as (
      delete from millrace.process where seen_at < clock_timestamp() - interval '1 hour'
    )
    insert into millrace.process (name, roles, version, pool_max) values ($1, $2, $3, $4) returning id`,
);

/**
 * What a process says of itself; no row: it was forgotten. Parameters: its id; what is wrong with it, in words, null for nothing; by how many
 * milliseconds its clock is ahead of the database's, null where it is not known; connections of its pool, and statements that wait for one.
 */
export const noteProcess = statement<
  [id: number, trouble: string | null, clockMs: number | null, pool: number, waiting: number],
  { now_ms: number }
>(
  "note_process",
  `update millrace.process
   set seen_at = clock_timestamp(), clock_ms = $3, pool = $4, pool_waiting = $5,
     trouble = $2, trouble_since = case when $2::text is null then null else coalesce(trouble_since, clock_timestamp()) end,
     well_at = case when $2::text is null then clock_timestamp() else well_at end
   where id = $1 returning (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms`,
);

/** Of a process that ends. */
export const forgetProcess = statement<[id: number], never>(
  "forget_process",
  `delete from millrace.process where id = $1`,
);

export interface ProcessRow {
  name: string;
  roles: string[];
  version: string;
  started_at: Date;
  seen_at: Date;
  /** When all its self-tests were well, last. Null for never. */
  well_at: Date | null;
  trouble: string | null;
  trouble_since: Date | null;
  /** By how much its clock is ahead of the database's; null where it is not known yet. */
  clock_ms: number | null;
  pool: number;
  pool_max: number;
  pool_waiting: number;
}

/** The processes that serve, 1,000 at the most. One that has been silent for an hour is none. */
export const listProcesses = statement<[], ProcessRow>(
  "list_processes",
  `select name, roles, version, started_at, seen_at, well_at, trouble, trouble_since, clock_ms, pool, pool_max, pool_waiting
   from millrace.process where seen_at > clock_timestamp() - interval '1 hour' order by name limit 1000`,
);

import type { Projects } from "@millrace/core";
import { jobWithin } from "./scope.ts";
import type { HistoryTable } from "./partitions.ts";
import { statement } from "./statement.ts";

/** How many rows there are, as PostgreSQL counts them in passing: nothing is read of the table itself. */
const ROWS = (relation: string, estimate: string) =>
  `coalesce(nullif(pg_stat_get_live_tuples(${relation}), 0), greatest(${estimate}, 0))::float8`;

export interface PartRow {
  parent: HistoryTable;
  /** Null for a default partition. */
  from_at: Date | null;
  to_at: Date | null;
  rows: number;
  bytes: number;
}

/** The partitions of the history with what they hold, from the catalog and the sizes of files alone. */
export const measureParts = statement<[], PartRow>(
  "measure_parts",
  `select p.parent, p.from_at, p.to_at, ${ROWS("p.relation", "c.reltuples")} as rows,
     pg_total_relation_size(p.relation)::float8 as bytes
   from millrace.partition p join pg_class c on c.oid = p.relation order by p.from_at, p.parent`,
);

export interface TableRow {
  name: string;
  rows: number;
  bytes: number;
}

/** All other tables, likewise. */
export const measureTables = statement<[], TableRow>(
  "measure_tables",
  `select c.relname::text as name, ${ROWS("c.oid", "c.reltuples")} as rows, pg_total_relation_size(c.oid)::float8 as bytes
   from pg_class c
   where c.relnamespace = 'millrace'::regnamespace and c.relkind = 'r' and not c.relispartition order by c.relname`,
);

/** When the oldest run was accepted: the first entry of each partition's key. */
export const readOldestRun = statement<[], { at: Date }>(
  "read_oldest_run",
  `select millrace.uuid_time(id) as at from millrace.run order by id limit 1`,
);

/** Jobs that say for themselves how long their runs are kept. */
export const listOwnRetentions = statement<
  [projects: Projects],
  { job: string; retention_ms: number }
>(
  "list_own_retentions",
  `select name as job, retention_ms from millrace.job
   where retention_ms is not null and ${jobWithin("name", "$1")} order by name limit 1000`,
);

import { statement } from "./statement.ts";

/** What is seen in a snapshot, as PostgreSQL writes it, and by the database's clock when, in milliseconds since 1970. */
export interface SnapshotRow {
  snapshot: string;
  now_ms: number;
}

const NOW = `pg_current_snapshot()::text as snapshot, floor(extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms`;

export const readSnapshot = statement<[], SnapshotRow>("read_snapshot", `select ${NOW}`);

export interface NewLinesRow extends SnapshotRow {
  /** Notes that were found, up to the limit. */
  notes: number;
  /** Lines of notes that were found, and are more than were asked for. */
  left_out: number;
  /** Of one run the first and the last new line; null where there is none. */
  run_id: string | null;
  first: number | null;
  last: number | null;
}

/**
 * Which lines are seen now, and were not in a snapshot: the newest of them. Order and time of their transactions do not matter, nor that one of them may
 * have begun long before. Parameters: the snapshot; how many notes to read at the most; how many lines to answer, about.
 */
export const readNewLines = statement<[since: string, notes: number, lines: number], NewLinesRow>(
  "read_new_lines",
  `with new as materialized (
      select tx, at, run_ids, firsts, lasts, lines from millrace.log_note
      where tx >= pg_snapshot_xmax($1::pg_snapshot) or tx = any (array(select pg_snapshot_xip($1::pg_snapshot)))
      order by tx desc, at desc limit $2
    ),
    summed as (
      select *, sum(lines) over (order by tx desc, at desc) - lines as newer from new
    ),
    told as (
      select u.run_id, u.first, u.last from summed s cross join lateral unnest(s.run_ids, s.firsts, s.lasts) u(run_id, first, last)
      where s.newer < $3
    )
    select ${NOW}, (select count(*) from new)::int as notes,
      (select coalesce(sum(lines), 0) from summed where newer >= $3)::int as left_out, t.*
    from (values (1)) one(one) left join told t on true`,
);

/** Forgets notes that are older than so many milliseconds. */
export const pruneLogNotes = statement<[keptMs: number, limit: number], { pruned: number }>(
  "prune_log_notes",
  `with old as (
      select tx, at from millrace.log_note where at < clock_timestamp() - $1 * interval '1 millisecond' order by at limit $2
      for update skip locked
    ),
    gone as (delete from millrace.log_note n using old o where n.tx = o.tx and n.at = o.at returning 1)
    select count(*)::int as pruned from gone`,
);

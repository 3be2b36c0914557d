import { type Statement, statement } from "./statement.ts";

/** What became of a window: how many rows were forgotten, and where it ended; null at the end of all. */
export interface PrunedRow {
  pruned: number;
  last: string | null;
}

/**
 * Forgets what a table has of runs that are no more, in windows in the order of those. All of a run goes at once, so a window may end in the
 * middle of one.
 *
 * @param run the column that names the run, which leads an index
 */
export function pruneGone(
  title: string,
  table: string,
  run: string,
): Statement<[after: string, limit: number], PrunedRow> {
  return statement(
    title,
    `with seen as materialized (
      select ${run} as id from millrace.${table} where ${run} > $1::uuid order by ${run} limit $2
    ),
    gone as materialized (
      select s.id from (select distinct id from seen) s
      left join lateral (select true as there from millrace.run where id = s.id limit 1) r on true
      where r.there is null
    ),
    forgotten as (
      delete from millrace.${table} where ${run} = any (array(select id from gone)) returning 1
    )
    select (select count(*)::int from forgotten) as pruned,
      case when (select count(*) from seen) = $2 then (select id from seen order by id desc limit 1) end as last`,
  );
}

import { statement } from "./statement.ts";

/**
 * Counts what waits in the queues that have a `max_depth`: what may start, what is held back, and what was asked for with a delay. Its cost follows
 * the backlog, never the history: a delayed run is looked up by itself. A queue that another process counts, or has counted just now, is left to it. Parameter: how many milliseconds ago is
 * just now.
 */
export const countDepths = statement<[freshMs: number], { name: string; depth: number }>(
  "count_depths",
  `with limited as materialized (
      select name from millrace.queue
      where max_depth is not null and (depth_at is null or depth_at <= clock_timestamp() - $1::float8 * interval '1 millisecond')
      for no key update skip locked
    ),
    standing as (
      select queue, cardinality(run_ids) as runs from millrace.ready where queue in (select name from limited)
      union all
      select queue, cardinality(run_ids) from millrace.gate where queue in (select name from limited)
      union all
      select r.queue, 1
      from millrace.timer t cross join lateral (select queue from millrace.run where id = t.run_id limit 1) r
      where t.reason in ('delay', 'debounce') and exists (select from limited)
    )
    update millrace.queue q
    set depth = (select coalesce(sum(s.runs), 0) from standing s where s.queue = q.name), depth_at = clock_timestamp()
    from limited l where q.name = l.name
    returning q.name, q.depth`,
);

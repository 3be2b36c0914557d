import { statement } from "./statement.ts";

/** What waits in a queue. */
export interface DepthRow {
  name: string;
  /** Runs that may start now. */
  ready: number;
  /** Runs that a limit, a rate, a pause of their job or an unfilled batch holds back. */
  held: number;
  /** For how many seconds the first of both has waited; 0 where none does. */
  oldest_seconds: number;
  paused: boolean;
  /** Whether it takes no new runs. */
  drained: boolean;
  /** Living workers that take from it. */
  workers: number;
}

/**
 * Reads `ready` and `gate` whole, and no run: its cost follows the backlog, never the history. Parameter: how many queues have a row of their
 * own, those first in which something waits; all others are together in one that is named `other`, whose workers are those of the queue
 * that waits and has fewest.
 */
export const readDepths = statement<[most: number], DepthRow>(
  "read_depths",
  `with standing as (
      select queue, sum(ready)::int as ready, sum(held)::int as held, min(since) as since, sum(workers)::int as workers from (
        select name as queue, 0 as ready, 0 as held, null::timestamptz as since, 0 as workers from millrace.queue
        union all
        select queue, cardinality(run_ids), 0, since, 0 from millrace.ready
        union all
        select queue, 0, cardinality(run_ids), since, 0 from millrace.gate
        union all
        select u.queue, 0, 0, null, 1 from millrace.worker w cross join unnest(w.queues) u(queue) where w.state = 'active'
      ) p group by queue
    ),
    depths as (
      select s.queue as name, s.ready, s.held, coalesce(extract(epoch from clock_timestamp() - s.since), 0)::float8 as oldest_seconds,
        q.paused_at is not null and (q.paused_until is null or q.paused_until > clock_timestamp()) as paused,
        q.drained_at is not null and (q.drained_until is null or q.drained_until > clock_timestamp()) as drained,
        s.workers, row_number() over (order by s.since is null, s.queue) as place
      from standing s cross join lateral (select * from millrace.queue where name = s.queue limit 1) q
    )
    select case when place <= $1 then name else 'other' end as name, sum(ready)::int as ready, sum(held)::int as held,
      max(oldest_seconds) as oldest_seconds, bool_or(paused) as paused, bool_or(drained) as drained,
      coalesce(min(workers) filter (where ready + held > 0), max(workers)) as workers
    from depths group by 1 order by 1`,
);

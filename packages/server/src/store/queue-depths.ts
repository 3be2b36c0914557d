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
  `with waiting as (
      select queue, sum(cardinality(run_ids))::int as runs, min(since) as since from millrace.ready group by queue
    ),
    gated as (
      select queue, sum(cardinality(run_ids))::int as runs, min(since) as since from millrace.gate group by queue
    ),
    taking as (
      select q.queue, count(*)::int as workers from millrace.worker w cross join unnest(w.queues) q(queue)
      where w.state = 'active' group by q.queue
    ),
    depths as (
      select q.name, coalesce(w.runs, 0) as ready, coalesce(g.runs, 0) as held,
        coalesce(extract(epoch from clock_timestamp() - least(w.since, g.since)), 0)::float8 as oldest_seconds,
        q.paused_at is not null and (q.paused_until is null or q.paused_until > clock_timestamp()) as paused,
        q.drained_at is not null and (q.drained_until is null or q.drained_until > clock_timestamp()) as drained,
        coalesce(t.workers, 0) as workers,
        row_number() over (order by w.since is null and g.since is null, q.name) as place
      from millrace.queue q
      left join waiting w on w.queue = q.name
      left join gated g on g.queue = q.name
      left join taking t on t.queue = q.name
    )
    select case when place <= $1 then name else 'other' end as name, sum(ready)::int as ready, sum(held)::int as held,
      max(oldest_seconds) as oldest_seconds, bool_or(paused) as paused, bool_or(drained) as drained,
      coalesce(min(workers) filter (where ready + held > 0), max(workers)) as workers
    from depths group by 1 order by 1`,
);

import { statement } from "./statement.ts";

/** The load of a queue, as far as one look tells it: see core's QueueLoad. */
export interface LoadRow {
  name: string;
  /** Null for one that all projects share. */
  project: string | null;
  waiting: number;
  urgent_rate: number;
  running: number;
  start_rate: number;
  workers: number;
  slots: number;
  concurrency: number | null;
}

/** What is late already should start within this time: a moment, but not so short that one late run wants all workers. */
const LATE_SECONDS = 10;

/** Of a worker, where none lives that could tell. */
const USUAL_SLOTS = 20;

/**
 * Reads `ready`, `gate` and `lease` whole: its cost follows the backlog, never the history (300,000 runs that
 * were enqueued one by one take half a second, a list of the queues a third). Of what stands in the gate,
 * what no limit of its key, no rate and no pause is known to hold back may start. A worker counts for a queue by the share
 * that the queue has of its starts; while it starts nothing, its queues share it evenly.
 */
export const readLoads = statement<[], LoadRow>(
  "read_loads",
  `with paused as (
      select name from millrace.queue where paused_at is not null and (paused_until is null or paused_until > clock_timestamp())
    ),
    may_start as (
      select queue, start_by, cardinality(run_ids) as runs from millrace.ready
      union all
      select g.queue, g.start_by, cardinality(g.run_ids)
      from millrace.gate g
      cross join lateral (select "full", not_before from millrace.lane where job = g.job and key = g.key and queue = g.queue limit 1) l
      where not l."full" and l.not_before <= clock_timestamp() and not millrace.is_paused(g.job, g.key)
    ),
    by_second as (
      select queue, greatest(${LATE_SECONDS}, extract(epoch from start_by - statement_timestamp()))::int as seconds, sum(runs) as runs
      from may_start where queue not in (select name from paused) group by 1, 2
    ),
    waiting as (
      select queue, sum(runs)::int as runs, max(before / seconds)::float8 as urgent
      from (select queue, seconds, runs, sum(runs) over (partition by queue order by seconds) as before from by_second) s
      group by queue
    ),
    held as (
      select r.queue, count(*)::int as runs
      from millrace.lease l cross join unnest(l.run_ids) u(id)
      cross join lateral (select queue from millrace.run where id = u.id limit 1) r group by r.queue
    ),
    takes as (
      select worker_id, queue, max(slots) as slots, max(among) as among, sum(per_second)::float8 as per_second,
        sum(sum(per_second)) over (partition by worker_id) as in_all
      from (
        select w.id as worker_id, u.queue, w.concurrency as slots, cardinality(w.queues) as among, 0 as per_second
        from millrace.worker w cross join unnest(w.queues) u(queue) where w.state = 'active'
        union all
        select worker_id, queue, null, null, per_second from millrace.pace where at > clock_timestamp() - interval '1 minute'
      ) p group by worker_id, queue
    ),
    standing as (
      select queue, sum(waiting)::int as waiting, sum(urgent)::float8 as urgent_rate, sum(running)::int as running,
        sum(start_rate)::float8 as start_rate, sum(workers)::float8 as workers, avg(slots)::int as slots
      from (
        select name as queue, 0 as waiting, 0 as urgent, 0 as running, 0 as start_rate, 0 as workers, null::int as slots from millrace.queue
        union all
        select queue, runs, urgent, 0, 0, 0, null from waiting
        union all
        select queue, 0, 0, runs, 0, 0, null from held
        union all
        select queue, 0, 0, 0, per_second, case when in_all > 0 then per_second / in_all else 1.0 / among end, slots
        from takes where slots is not null
      ) p group by queue
    )
    select q.name, q.project, s.waiting, s.urgent_rate, s.running, s.start_rate, s.workers, coalesce(s.slots, ${USUAL_SLOTS}) as slots,
      q.concurrency
    from standing s cross join lateral (select * from millrace.queue where name = s.queue limit 1) q
    order by q.name`,
);

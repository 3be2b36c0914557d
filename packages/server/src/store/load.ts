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
      from millrace.gate g join millrace.lane l using (job, key, queue)
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
    pace as (
      select worker_id, queue, per_second, sum(per_second) over (partition by worker_id) as in_all
      from millrace.pace where at > clock_timestamp() - interval '1 minute'
    ),
    taking as (
      select q.queue, avg(w.concurrency)::int as slots,
        sum(case when coalesce(busy.in_all, 0) > 0 then coalesce(p.per_second, 0) / busy.in_all
          else 1.0 / cardinality(w.queues) end)::float8 as workers,
        sum(p.per_second)::float8 as start_rate
      from millrace.worker w cross join unnest(w.queues) q(queue)
      left join pace p on p.worker_id = w.id and p.queue = q.queue
      left join lateral (select in_all from pace where worker_id = w.id limit 1) busy on true
      where w.state = 'active' group by q.queue
    )
    select q.name, q.project, coalesce(w.runs, 0) as waiting, coalesce(w.urgent, 0) as urgent_rate, coalesce(h.runs, 0) as running,
      coalesce(t.start_rate, 0) as start_rate, coalesce(t.workers, 0) as workers, coalesce(t.slots, ${USUAL_SLOTS}) as slots,
      q.concurrency
    from millrace.queue q
    left join waiting w on w.queue = q.name
    left join held h on h.queue = q.name
    left join taking t on t.queue = q.name
    order by q.name`,
);

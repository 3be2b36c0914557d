import { statement } from "./statement.ts";

export interface QueueRow {
  name: string;
  /** Runs that may start now. */
  ready: number;
  /** Seconds that the oldest of them has waited. */
  oldest_seconds: number | null;
  running: number;
  scheduled: number;
  paused_at: Date | null;
  paused_by: string | null;
  pause_reason: string | null;
  /** Living workers that take from it. */
  workers: number;
}

/** Reads `ready`, `lease` and `timer` whole: its cost follows the backlog, never the history. */
export const listQueues = statement<[], QueueRow>(
  "list_queues",
  `with waiting as (
      select queue, sum(cardinality(run_ids))::int as ready, min(since) as since from millrace.ready group by queue
    ),
    held as (
      select r.queue, count(*)::int as running
      from millrace.run r
      where r.id = any (array(select unnest(run_ids) from millrace.lease)) group by r.queue
    ),
    later as (
      select r.queue, count(*)::int as scheduled
      from millrace.timer t join millrace.run r on r.id = t.run_id group by r.queue
    )
    select q.name, coalesce(w.ready, 0) as ready,
      extract(epoch from clock_timestamp() - w.since)::float8 as oldest_seconds,
      coalesce(h.running, 0) as running, coalesce(l.scheduled, 0) as scheduled,
      q.paused_at, q.paused_by, q.pause_reason,
      (select count(*)::int from millrace.worker k where k.state = 'active' and k.queues @> array[q.name]) as workers
    from millrace.queue q
    left join waiting w on w.queue = q.name
    left join held h on h.queue = q.name
    left join later l on l.queue = q.name
    order by q.name`,
);

export const pauseQueue = statement<
  [name: string, by: string, reason: string | null],
  { name: string }
>(
  "pause_queue",
  `update millrace.queue set paused_at = coalesce(paused_at, clock_timestamp()), paused_by = $2, pause_reason = $3
   where name = $1 returning name`,
);

export const resumeQueue = statement<[name: string], { name: string }>(
  "resume_queue",
  `update millrace.queue set paused_at = null, paused_by = null, pause_reason = null where name = $1 returning name`,
);

/** The queues that are paused; there are few queues. */
export const pausedQueues = statement<
  [],
  { name: string; paused_at: Date; paused_by: string; pause_reason: string | null }
>(
  "paused_queues",
  `select name, paused_at, paused_by, pause_reason from millrace.queue where paused_at is not null`,
);

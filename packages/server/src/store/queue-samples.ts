import { statement } from "./statement.ts";

/** As many rows as one sample may have: those with most that waits. */
const MOST_SAMPLED = 2000;

/**
 * Notes what waits and what runs, by job and queue, and what workers have started of each queue since the last time: once in each minute, whoever asks and however
 * many do. It reads `ready`, `gate` and `lease` whole: its cost follows the backlog, never the history. Parameter: when, or null for now.
 */
export const takeSample = statement<[at: Date | null], { taken: boolean }>(
  "take_sample",
  `with due as materialized (
      select m.at, m.minute from (
        select at, date_trunc('minute', at) as minute from (select coalesce($1::timestamptz, clock_timestamp()) as at) c
      ) m
      where not exists (select from millrace.queue_sample s where s.minute = m.minute)
    ),
    started as materialized (
      select worker_id, queue, started - sampled as runs from millrace.pace
      where started > sampled and exists (select from due) order by worker_id, queue for update
    ),
    sample as (
      insert into millrace.queue_sample (minute, at, starts)
      select minute, at, coalesce((select jsonb_object_agg(queue, runs) from (select queue, sum(runs) as runs from started group by queue) s), '{}')
      from due
      on conflict do nothing returning minute, at
    ),
    noted as (
      update millrace.pace p set sampled = p.sampled + s.runs from started s cross join sample
      where p.worker_id = s.worker_id and p.queue = s.queue
    ),
    seen as (
      insert into millrace.standing_minute (at, job, queue, waiting, running, oldest_seconds)
      select s.minute, p.job, p.queue, sum(p.waiting), sum(p.running), coalesce(greatest(0, extract(epoch from s.at - min(p.since))), 0)
      from sample s cross join lateral (
        select job, queue, cardinality(run_ids) as waiting, 0 as running, since from millrace.ready
        union all
        select job, queue, cardinality(run_ids), 0, since from millrace.gate
        union all
        select r.job, r.queue, 0, 1, null from millrace.lease l cross join unnest(l.run_ids) u(id)
        cross join lateral (select job, queue from millrace.run where id = u.id limit 1) r
      ) p
      group by s.minute, s.at, p.job, p.queue order by 4 desc limit ${MOST_SAMPLED}
      on conflict do nothing
    )
    select exists (select from sample) as taken`,
);

export interface QueueSampleRow {
  at: Date;
  /** Runs that waited, by queue; a queue that is not there had none. */
  depths: Record<string, number>;
  starts: Record<string, number>;
  now: Date;
}

/** The samples of the last half hour, oldest first. */
export const readQueueSamples = statement<[], QueueSampleRow>(
  "read_queue_samples",
  `select s.at, coalesce(d.depths, '{}') as depths, s.starts, clock_timestamp() as now
   from millrace.queue_sample s
   left join lateral (
     select jsonb_object_agg(queue, runs) as depths
     from (select queue, sum(waiting) as runs from millrace.standing_minute where at = s.minute and waiting > 0 group by queue) q
   ) d on true
   where s.minute > clock_timestamp() - interval '32 minutes' order by s.minute`,
);

import type { Rate } from "@millrace/core";
import { statement } from "./statement.ts";

/** Where a run stands, and what of its job and queue decides about it. */
export interface StandingRow {
  job: string;
  queue: string;
  priority: number;
  state: string | null;
  /** `ready`, `gate`, `timer`, `lease`, or null for a run that has ended. */
  place: "ready" | "gate" | "timer" | "lease" | null;
  attempts: number;
  failures: number;
  expires_at: Date | null;
  due_at: Date | null;
  due_reason: string | null;
  worker_id: number | null;
  worker_name: string | null;
  claimed_at: Date | null;
  cancel_asked: boolean;
  now: Date;
}

export const readStanding = statement<[run: string], StandingRow>(
  "read_standing",
  `select r.job, r.queue, r.priority, r.state::text, r.attempts, r.failures, r.expires_at, t.due_at, t.reason as due_reason,
     l.worker_id, w.name as worker_name, l.claimed_at,
     exists (select from millrace.cancellation c where c.run_id = r.id) as cancel_asked, clock_timestamp() as now,
     case when r.state is not null then null
       when l.id is not null then 'lease'
       when t.run_id is not null then 'timer'
       when exists (select from millrace.gate g where g.job = r.job and g.run_ids @> array[r.id]) then 'gate'
       else 'ready' end as place
   from millrace.run r
   left join millrace.timer t on r.state is null and t.run_id = r.id
   left join millrace.lease l on r.state is null and l.run_ids @> array[r.id]
   left join millrace.worker w on w.id = l.worker_id
   where r.id = $1`,
);

/** What a claim would ask about the queue and the job of a run, by the functions that the claim itself calls. */
export interface LimitsRow {
  queue_paused_at: Date | null;
  queue_paused_by: string | null;
  queue_pause_reason: string | null;
  queue_paused_until: Date | null;
  queue_concurrency: number | null;
  queue_held: number;
  queue_rate: Rate | null;
  queue_opens_at: Date | null;
  job_gated: boolean;
  job_paused_by: string | null;
  job_pause_reason: string | null;
  job_paused_until: Date | null;
  job_pause_there: boolean;
  job_limit: number | null;
  job_held: number;
  job_rate: Rate | null;
  job_opens_at: Date | null;
  /** Living workers that take from the queue and know the job. */
  workers: number;
  /** Those of them that drain. */
  draining: number;
  /** Living workers that know the job at all. */
  workers_knowing: number;
}

export const readLimits = statement<[queue: string, job: string], LimitsRow>(
  "read_limits",
  `select q.paused_at as queue_paused_at, q.paused_by as queue_paused_by, q.pause_reason as queue_pause_reason,
     q.paused_until as queue_paused_until, q.concurrency as queue_concurrency, millrace.held_by_queue(q.name) as queue_held,
     q.rate as queue_rate,
     nullif(millrace.startable_at(millrace.tokens('queue', q.name, '', q.rate, n.at), q.rate, 1, n.at), '-infinity') as queue_opens_at,
     j.gated as job_gated, p.paused_by as job_paused_by, p.reason as job_pause_reason, p.until as job_paused_until,
     p.job is not null as job_pause_there, (j.flow ->> 'jobLimit')::int as job_limit, millrace.held_by_job(j.name) as job_held,
     j.flow -> 'jobRate' as job_rate,
     nullif(millrace.startable_at(millrace.tokens('job', j.name, '', j.flow -> 'jobRate', n.at), j.flow -> 'jobRate', 1, n.at), '-infinity') as job_opens_at,
     k.workers, k.draining, k.workers_knowing
   from millrace.queue q
   cross join millrace.job j
   cross join (select clock_timestamp() as at) n
   left join millrace.pause p on p.job = j.name and p.whole and (p.until is null or p.until > n.at)
   cross join lateral (
     select count(*) filter (where w.state = 'active' and w.queues @> array[q.name])::int as workers,
       count(*) filter (where w.state = 'draining' and w.queues @> array[q.name])::int as draining,
       count(*)::int as workers_knowing
     from millrace.worker w where w.state in ('active', 'draining') and w.jobs @> array[j.name]
   ) k
   where q.name = $1 and j.name = $2`,
);

/** The lane of a run before the gate, and the parcels that come before its own. */
export interface LaneRow {
  key: string;
  key_limit: number | null;
  key_held: number;
  key_paused: boolean;
  key_paused_by: string | null;
  key_pause_reason: string | null;
  key_paused_until: Date | null;
  key_rate: Rate | null;
  /** When the lane's next run may start by its rates or its batch; null for at once. */
  opens_at: Date | null;
  batch_size: number | null;
  /** Runs of the lane, this one among them. */
  waiting: number;
  /** Runs of the lane that start before it. */
  ahead: number;
}

export const readLane = statement<[run: string, job: string], LaneRow>(
  "read_lane",
  `with mine as (
      select g.*, array_position(g.run_ids, $1::uuid) - 1 as place
      from millrace.gate g where g.job = $2 and g.run_ids @> array[$1::uuid]
    )
    select m.key, (j.flow ->> 'keyLimit')::int as key_limit, millrace.held_by_key(m.job, m.key) as key_held,
      p.job is not null as key_paused, p.paused_by as key_paused_by, p.reason as key_pause_reason, p.until as key_paused_until,
      j.flow -> 'keyRate' as key_rate,
      nullif(greatest(l.not_before, millrace.startable_at(
        millrace.tokens('key', m.job, m.key, j.flow -> 'keyRate', clock_timestamp()), j.flow -> 'keyRate', m.cost, clock_timestamp())),
        '-infinity') as opens_at,
      (j.flow -> 'batch' ->> 'size')::int as batch_size, b.waiting, (b.ahead + m.place)::int as ahead
    from mine m
    join millrace.job j on j.name = m.job
    left join millrace.lane l on l.job = m.job and l.key = m.key and l.queue = m.queue
    left join millrace.pause p on p.job = m.job and not p.whole and p.key = m.key and (p.until is null or p.until > clock_timestamp())
    cross join lateral (
      select coalesce(sum(cardinality(g.run_ids)), 0)::int as waiting,
        coalesce(sum(cardinality(g.run_ids)) filter (where
          g.priority > m.priority or g.priority = m.priority and (g.start_by, g.seq) < (m.start_by, m.seq)), 0)::int as ahead
      from millrace.gate g where g.job = m.job and g.key = m.key and g.queue = m.queue
    ) b`,
);

/** Runs that hold a limit now, oldest lease first, ten at the most. Parameters: job and key, job alone, or queue alone. */
export const readHolders = statement<
  [job: string | null, key: string | null, queue: string | null],
  { run_id: string; worker_id: number; since: Date }
>(
  "read_holders",
  `select u.run_id, l.worker_id, l.claimed_at as since
   from millrace.lease l cross join unnest(l.run_ids) with ordinality u(run_id, ord)
   where (l.job = $1 and ($2::text is null or l.key = $2)) or l.queue = $3
   order by l.id, u.ord limit 10`,
);

/**
 * How many runs stand before this one in `ready`: those of its queue with a higher priority, or an earlier place. Counts
 * 20,000 parcels at the most; `more` says that there are others.
 */
export const readAhead = statement<
  [run: string, queue: string],
  { ahead: number; more: boolean; gated: boolean; found: boolean }
>(
  "read_ahead",
  `with mine as (
      select r.priority, r.start_by, r.seq, r.gated, array_position(r.run_ids, $1::uuid) - 1 as place
      from millrace.ready r where r.queue = $2 and r.run_ids @> array[$1::uuid]
    ),
    before as (
      select cardinality(r.run_ids) as runs
      from mine m join millrace.ready r on r.queue = $2 and not r.gated
        and (r.priority > m.priority or r.priority = m.priority and (r.start_by, r.seq) < (m.start_by, m.seq))
      limit 20000
    )
    select (coalesce((select sum(runs) from before), 0) + coalesce(m.place, 0))::int as ahead,
      (select count(*) from before) = 20000 as more, coalesce(m.gated, false) as gated, m.seq is not null as found
    from (select) one left join mine m on true`,
);

/** How fast runs of a queue have started lately: runs per second, over the workers that say so. */
export const readPace = statement<[queue: string], { per_second: number | null }>(
  "read_pace",
  `select sum(p.per_second) as per_second from millrace.pace p
   where p.queue = $1 and p.at > clock_timestamp() - interval '1 minute'`,
);

/** Notes how fast a worker has started runs of its queues. */
export const notePace = statement<[worker: number, queues: string[], perSecond: number[]], never>(
  "note_pace",
  `insert into millrace.pace (worker_id, queue, per_second)
   select $1, queue, per_second from unnest($2::text[], $3::float8[]) p(queue, per_second)
   on conflict (worker_id, queue) do update set per_second = excluded.per_second, at = clock_timestamp()`,
);

/** Forgets the paces of workers that have ended. */
export const forgetPaces = statement<[], never>(
  "forget_paces",
  `delete from millrace.pace where at < clock_timestamp() - interval '10 minutes'`,
);

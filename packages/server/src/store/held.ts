import { statement } from "./statement.ts";

/** What the gate asks about a run that waits. */
export interface HeldRow {
  run_id: string;
  key: string;
  /** Of the whole job; null when it is not paused. */
  job_paused_by: string | null;
  job_paused_at: Date | null;
  job_pause_reason: string | null;
  job_paused_until: Date | null;
  /** Whether that pause is one of a job that is disabled. */
  job_disabled: boolean | null;
  /** Of its key. */
  key_paused_by: string | null;
  key_paused_at: Date | null;
  key_pause_reason: string | null;
  key_paused_until: Date | null;
  key_limit: number | null;
  key_held: number;
  job_limit: number | null;
  job_held: number;
  queue_limit: number | null;
  queue_held: number;
  /** When each rate lets it start, if that is later than now. */
  key_opens_at: Date | null;
  job_opens_at: Date | null;
  queue_opens_at: Date | null;
  /** Whether there is any rate. */
  rated: boolean;
  batch_size: number | null;
  /** Runs of its batch, up to the size; and when the batch starts, full or not. */
  batch_waiting: number | null;
  batch_due: Date | null;
}

/**
 * Of runs that wait, those that pass the gate, and what may hold each back: by the functions that the claim itself calls.
 * A run that waits and whose job or queue passes the gate stands before it or is about to; its key leads to its lane, so
 * nothing is searched for, and the cost follows the runs that are asked for and those that run, never the backlog.
 */
export const readHeld = statement<[runs: string[]], HeldRow>(
  "read_held",
  `with asked as materialized (
      select r.id, r.job, r.queue, j.flow, q.concurrency, q.rate, millrace.key_text(r.input, j.flow -> 'key') as key,
        millrace.cost_of(j.flow -> 'cost', r.input) as cost, clock_timestamp() as at
      from unnest($1::uuid[]) u(id)
      join millrace.run r on r.id = u.id and r.state is null
      join millrace.job j on j.name = r.job
      join millrace.queue q on q.name = r.queue
      where j.gated or q.gated
    ),
    queues as materialized (
      select name, case when concurrency is not null then millrace.held_by_queue(name) end as held,
        millrace.tokens('queue', name, '', rate, clock_timestamp()) as tokens
      from millrace.queue where name in (select queue from asked)
    ),
    jobs as materialized (
      select j.name, case when j.flow ? 'jobLimit' then millrace.held_by_job(j.name) end as held,
        millrace.tokens('job', j.name, '', j.flow -> 'jobRate', clock_timestamp()) as tokens,
        p.paused_by, p.paused_at, p.reason, p.until, p.disabled
      from millrace.job j
      left join millrace.pause p on p.job = j.name and p.whole and (p.until is null or p.until > clock_timestamp())
      where j.name in (select job from asked)
    ),
    lanes as materialized (
      select l.job, l.queue, l.key, case when l.flow ? 'keyLimit' then millrace.held_by_key(l.job, l.key) end as held,
        millrace.tokens('key', l.job, l.key, l.flow -> 'keyRate', clock_timestamp()) as tokens,
        p.paused_by, p.paused_at, p.reason, p.until, b.waiting, b.due
      from (select distinct job, queue, key, flow from asked) l
      left join millrace.pause p on p.job = l.job and not p.whole and p.key = l.key and (p.until is null or p.until > clock_timestamp())
      left join lateral (
        select sum(cardinality(g.run_ids))::int as waiting,
          min(g.since) + (l.flow -> 'batch' ->> 'waitMs')::float8 * interval '1 millisecond' as due
        from (
          select run_ids, since from millrace.gate
          where l.flow ? 'batch' and job = l.job and key = l.key and queue = l.queue limit 250
        ) g
      ) b on true
    )
    select a.id as run_id, a.key,
      j.paused_by as job_paused_by, j.paused_at as job_paused_at, j.reason as job_pause_reason, j.until as job_paused_until, j.disabled as job_disabled,
      l.paused_by as key_paused_by, l.paused_at as key_paused_at, l.reason as key_pause_reason, l.until as key_paused_until,
      (a.flow ->> 'keyLimit')::int as key_limit, coalesce(l.held, 0) as key_held,
      (a.flow ->> 'jobLimit')::int as job_limit, coalesce(j.held, 0) as job_held,
      a.concurrency as queue_limit, coalesce(q.held, 0) as queue_held,
      case when o.key > a.at then o.key end as key_opens_at, case when o.job > a.at then o.job end as job_opens_at,
      case when o.queue > a.at then o.queue end as queue_opens_at,
      (a.flow ? 'keyRate' or a.flow ? 'jobRate' or a.rate is not null) as rated,
      (a.flow -> 'batch' ->> 'size')::int as batch_size, l.waiting as batch_waiting, l.due as batch_due
    from asked a
    join queues q on q.name = a.queue
    join jobs j on j.name = a.job
    join lanes l on l.job = a.job and l.queue = a.queue and l.key = a.key
    cross join lateral (
      select millrace.startable_at(l.tokens, a.flow -> 'keyRate', a.cost, a.at) as key,
        millrace.startable_at(j.tokens, a.flow -> 'jobRate', a.cost, a.at) as job,
        millrace.startable_at(q.tokens, a.rate, a.cost, a.at) as queue
    ) o`,
);

/** The run that has stood longest before the gate of a queue. Its cost follows the backlog. */
export const oldestHeld = statement<[queue: string], { run_id: string; job: string; since: Date }>(
  "oldest_held",
  `select run_ids[1] as run_id, job, since from millrace.gate where queue = $1 order by since, seq limit 1`,
);

/** How many runs stand before the gate, by what the last look at their lanes has found. Its cost follows the backlog. */
export const countHeld = statement<[], { reason: HeldReason; runs: number }>(
  "count_held",
  `with standing as materialized (
      select job, key, queue, sum(cardinality(run_ids))::int as runs from millrace.gate group by job, key, queue
    )
    select case
        when millrace.is_paused(s.job, s.key) or exists (
          select from millrace.queue q
          where q.name = s.queue and q.paused_at is not null and (q.paused_until is null or q.paused_until > clock_timestamp()))
          then 'paused'
        when l."full" then 'key_full'
        when l.not_before > clock_timestamp() then 'time'
        else 'turn' end as reason,
      sum(s.runs)::int as runs
    from standing s
    left join lateral (select "full", not_before from millrace.lane where job = s.job and key = s.key and queue = s.queue limit 1) l on true
    group by 1`,
);

/**
 * - paused: the queue, the job or the key is.
 * - key_full: as many runs of the key run as may.
 * - time: a rate, or a batch that is not full, lets the next start later.
 * - turn: a limit of the job or the queue, or no free slot.
 */
export type HeldReason = "paused" | "key_full" | "time" | "turn";

export const HELD_REASONS: readonly HeldReason[] = ["paused", "key_full", "time", "turn"];

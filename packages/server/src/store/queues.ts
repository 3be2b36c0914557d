import type { Projects, Rate } from "@millrace/core";
import { jobWithin, within } from "./scope.ts";
import { statement } from "./statement.ts";

/** Whether a queue `q` is paused now. */
const PAUSED = `(q.paused_at is not null and (q.paused_until is null or q.paused_until > clock_timestamp()))`;

/** Whether a queue `q` takes no new runs now. */
const DRAINED = `(q.drained_at is not null and (q.drained_until is null or q.drained_until > clock_timestamp()))`;

export interface QueueRow {
  name: string;
  /** Null for one that all projects share. */
  project: string | null;
  /** Runs that may start now. */
  ready: number;
  /** Runs that a limit, a rate, a pause of their job or an unfilled batch holds back. */
  held: number;
  /** Seconds that the oldest of them has waited. */
  oldest_seconds: number | null;
  running: number;
  scheduled: number;
  /** Runs whose steps wait. */
  waiting: number;
  paused_at: Date | null;
  paused_by: string | null;
  pause_reason: string | null;
  paused_until: Date | null;
  drained_at: Date | null;
  drained_by: string | null;
  drain_reason: string | null;
  drained_until: Date | null;
  concurrency: number | null;
  rate: Rate | null;
  /** How many runs may wait. */
  max_depth: number | null;
  /** Who has set these limits instead of the code; null while the code's hold. */
  limited_by: string | null;
  /** What code says of the limits; null for a queue that no code defines. */
  defined: { concurrency?: number; rate?: Rate; maxDepth?: number } | null;
  /** Living workers that take from it, and how many runs they may execute at a time. */
  workers: number;
  slots: number;
  /** Whether these take from no other queue. */
  alone: boolean;
  now: Date;
}

/**
 * Reads `ready`, `gate`, `lease` and `timer` whole: its cost follows the backlog, never the history. Each run is
 * looked up by itself, which the LIMIT sees to: a list of ids would be looked for in every partition, and a join may read
 * all runs there are. Parameter: of which projects, null for all; of a queue that is shared, only what is of theirs counts.
 */
export const listQueues = statement<[projects: Projects], QueueRow>(
  "list_queues",
  `with standing as (
      select queue, sum(ready)::int as ready, sum(held)::int as held, min(since) as since, sum(running)::int as running,
        sum(scheduled)::int as scheduled, sum(waiting)::int as waiting, count(slots)::int as workers, coalesce(sum(slots), 0)::int as slots,
        coalesce(bool_and(alone), false) as alone
      from (
        select name as queue, 0 as ready, 0 as held, null::timestamptz as since, 0 as running, 0 as scheduled, 0 as waiting,
          null::int as slots, null::boolean as alone
        from millrace.queue where project is null or ${within("project", "$1")}
        union all
        select queue, cardinality(run_ids), 0, since, 0, 0, 0, null, null from millrace.ready where ${jobWithin("job", "$1")}
        union all
        select queue, 0, cardinality(run_ids), since, 0, 0, 0, null, null from millrace.gate where ${jobWithin("job", "$1")}
        union all
        select r.queue, 0, 0, null, 1, 0, 0, null, null
        from millrace.lease l cross join unnest(l.run_ids) u(id)
        cross join lateral (select queue, job from millrace.run where id = u.id limit 1) r
        where ${jobWithin("r.job", "$1")}
        union all
        select r.queue, 0, 0, null, 0, (not t.stepped)::int, t.stepped::int, null, null
        from (select run_id, reason in ('sleep', 'wait', 'version') as stepped from millrace.timer) t
        cross join lateral (select queue, job from millrace.run where id = t.run_id limit 1) r
        where ${jobWithin("r.job", "$1")}
        union all
        select u.queue, 0, 0, null, 0, 0, 0, k.concurrency, cardinality(k.queues) = 1
        from millrace.worker k cross join unnest(k.queues) u(queue) where k.state = 'active' and ${within("k.project", "$1")}
      ) p group by queue
    )
    select q.name, q.project, s.ready, s.held, extract(epoch from clock_timestamp() - s.since)::float8 as oldest_seconds,
      s.running, s.scheduled, s.waiting,
      case when ${PAUSED} then q.paused_at end as paused_at, q.paused_by, q.pause_reason, q.paused_until,
      case when ${DRAINED} then q.drained_at end as drained_at, q.drained_by, q.drain_reason, q.drained_until,
      q.concurrency, q.rate, q.max_depth, q.limited_by, q.defined,
      s.workers, s.slots, s.alone, clock_timestamp() as now
    from standing s cross join lateral (select * from millrace.queue where name = s.queue limit 1) q
    where q.project is null or ${within("q.project", "$1")}
    order by q.name`,
);

/** What can be told of a queue without counting what waits in it. */
export type QueueStanceRow = Pick<
  QueueRow,
  | "name"
  | "project"
  | "paused_at"
  | "paused_until"
  | "concurrency"
  | "rate"
  | "workers"
  | "slots"
  | "alone"
  | "now"
>;

export const readStance = statement<[name: string], QueueStanceRow>(
  "read_stance",
  `select q.name, q.project, case when ${PAUSED} then q.paused_at end as paused_at, q.paused_until, q.concurrency, q.rate,
     t.workers, t.slots, t.alone, clock_timestamp() as now
   from millrace.queue q
   cross join lateral (
     select count(*)::int as workers, coalesce(sum(k.concurrency), 0)::int as slots,
       coalesce(bool_and(cardinality(k.queues) = 1), false) as alone
     from millrace.worker k where k.state = 'active' and k.queues @> array[q.name]
   ) t
   where q.name = $1`,
);

/** Parameters: queue; who; why; until when, or for how many milliseconds, or neither. */
export const pauseQueue = statement<
  [name: string, by: string, reason: string | null, until: Date | null, forMs: number | null],
  { name: string }
>(
  "pause_queue",
  `update millrace.queue q
   set paused_at = case when ${PAUSED} then paused_at else clock_timestamp() end, paused_by = $2, pause_reason = $3,
     paused_until = coalesce($4, clock_timestamp() + $5::float8 * interval '1 millisecond')
   where name = $1 returning name`,
);

export const resumeQueue = statement<[name: string], { name: string }>(
  "resume_queue",
  `update millrace.queue set paused_at = null, paused_by = null, pause_reason = null, paused_until = null where name = $1 returning name`,
);

/** Has a queue take no new runs. Parameters: queue; who; why; until when, or for how many milliseconds, or neither. */
export const drainQueue = statement<
  [name: string, by: string, reason: string | null, until: Date | null, forMs: number | null],
  { name: string }
>(
  "drain_queue",
  `update millrace.queue q
   set drained_at = case when ${DRAINED} then drained_at else clock_timestamp() end, drained_by = $2, drain_reason = $3,
     drained_until = coalesce($4, clock_timestamp() + $5::float8 * interval '1 millisecond')
   where name = $1 returning name`,
);

export const reopenQueue = statement<[name: string], { name: string }>(
  "reopen_queue",
  `update millrace.queue set drained_at = null, drained_by = null, drain_reason = null, drained_until = null where name = $1 returning name`,
);

export interface PausedQueueRow {
  name: string;
  paused_at: Date;
  paused_by: string;
  pause_reason: string | null;
  paused_until: Date | null;
}

/** The queues that are paused; there are few queues. Parameter: of which projects, null for all; those that are shared are of all. */
export const pausedQueues = statement<[projects: Projects], PausedQueueRow>(
  "paused_queues",
  `select name, paused_at, paused_by, pause_reason, paused_until from millrace.queue q
   where ${PAUSED} and (q.project is null or ${within("q.project", "$1")})`,
);

/**
 * Sets limits of a queue over all workers; null for no limit. Parameters: queue; whether the concurrency is given, and how
 * many run at the same time; whether the rate is given, and its JSON text; who says so; whether it is given how many may wait, and how many.
 */
export const limitQueue = statement<
  [
    name: string,
    setConcurrency: boolean,
    concurrency: number | null,
    setRate: boolean,
    rate: string | null,
    by: string,
    setMaxDepth: boolean,
    maxDepth: number | null,
  ],
  LimitedRow
>(
  "limit_queue",
  `update millrace.queue
   set concurrency = case when $2 then $3::integer else concurrency end, rate = case when $4 then $5::jsonb else rate end,
     max_depth = case when $7 then $8::integer else max_depth end, limited_by = $6, limited_at = clock_timestamp()
   where name = $1 returning name, gated`,
);

/** What limits a queue; the row is locked. */
export const lockQueueLimits = statement<[name: string], QueueLimitsRow>(
  "lock_queue_limits",
  `select concurrency, rate, max_depth, limited_by, defined from millrace.queue where name = $1 for no key update`,
);

export type QueueLimitsRow = Pick<
  QueueRow,
  "concurrency" | "rate" | "max_depth" | "limited_by" | "defined"
>;

/** A queue whose limits have been set, and whether its runs pass the gate now. */
export interface LimitedRow {
  name: string;
  gated: boolean;
}

/** Takes back what an operator has set: the limits of the code hold again, or none. */
export const resetQueueLimits = statement<[name: string], LimitedRow>(
  "reset_queue_limits",
  `update millrace.queue
   set concurrency = (defined ->> 'concurrency')::integer, rate = defined -> 'rate', max_depth = (defined ->> 'maxDepth')::integer,
     limited_by = null,
     limited_at = clock_timestamp()
   where name = $1 returning name, gated`,
);

/**
 * Writes queues as code defines them now; an operator's limits stay. Answers those whose definition has changed.
 * Parameter: a JSON list of {name, concurrency, rate, maxDepth}; a limit that is not there is absent.
 */
export const defineQueues = statement<[queues: string], LimitedRow>(
  "define_queues",
  `insert into millrace.queue as q (name, concurrency, rate, max_depth, defined, limited_at)
   select name, concurrency, rate, "maxDepth",
     jsonb_strip_nulls(jsonb_build_object('concurrency', concurrency, 'rate', rate, 'maxDepth', "maxDepth")), clock_timestamp()
   from jsonb_to_recordset($1::jsonb) as given(name text, concurrency integer, rate jsonb, "maxDepth" integer)
   order by name
   on conflict (name) do update set defined = excluded.defined,
     concurrency = case when q.limited_by is null then excluded.concurrency else q.concurrency end,
     rate = case when q.limited_by is null then excluded.rate else q.rate end,
     max_depth = case when q.limited_by is null then excluded.max_depth else q.max_depth end, limited_at = clock_timestamp()
   where q.defined is distinct from excluded.defined
   returning name, gated`,
);

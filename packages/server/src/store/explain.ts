import type { Projects } from "@millrace/core";
import { jobWithin } from "./scope.ts";
import { statement } from "./statement.ts";
import { NO_END } from "./waits.ts";

/** Where a run stands. */
export interface StandingRow {
  job: string;
  queue: string;
  priority: number;
  state: string | null;
  /** `queue` for one that waits, before the gate or in `ready`; null for one that has ended. */
  place: "queue" | "timer" | "lease" | null;
  attempts: number;
  failures: number;
  expires_at: Date | null;
  due_at: Date | null;
  due_reason: string | null;
  /** What its steps wait for, in words. */
  awaited: string | null;
  /** Of which of its effects nobody knows whether they happened, in words. */
  doubted: string | null;
  /** What its code did not come to, of a run that is parked for it. */
  parked: string | null;
  /** That of its job under which it has begun its steps. */
  version: string | null;
  worker_id: number | null;
  worker_name: string | null;
  claimed_at: Date | null;
  cancel_asked: boolean;
  /** Whether its job is registered. */
  job_known: boolean;
  now: Date;
}

/** It looks at what runs, never at what waits: where in its queue a run stands costs a search. */
export const readStanding = statement<[run: string], StandingRow>(
  "read_standing",
  `select r.job, r.queue, r.priority, r.state::text, r.attempts, r.failures, r.expires_at, nullif(t.due_at, ${NO_END}) as due_at, t.reason as due_reason,
     case when t.reason = 'wait' then millrace.awaited(r.id) end as awaited,
     case when t.reason = 'wait' then millrace.doubted(r.id) end as doubted,
     case when t.reason = 'version' then millrace.why_parked(r.id) end as parked, r.version,
     l.worker_id, w.name as worker_name, l.claimed_at,
     exists (select from millrace.cancellation c where c.run_id = r.id) as cancel_asked,
     exists (select from millrace.job j where j.name = r.job) as job_known, clock_timestamp() as now,
     case when r.state is not null then null
       when l.id is not null then 'lease'
       when t.run_id is not null then 'timer'
       else 'queue' end as place
   from millrace.run r
   left join millrace.timer t on r.state is null and t.run_id = r.id
   left join millrace.lease l on r.state is null and l.run_ids @> array[r.id]
   left join millrace.worker w on w.id = l.worker_id
   where r.id = $1`,
);

/** Living workers that could take runs of a job from a queue. */
export interface TakersRow {
  /** They take from the queue and know the job. */
  workers: number;
  /** The same, but they drain. */
  draining: number;
  /** Of those the first four that people have made quiet; null for none. */
  quiet: number[] | null;
  /** They know the job, whatever they take from. */
  knowing: number;
  /** They take from the queue and know the job, in a version that cannot run it. */
  otherVersion: number;
}

/** Parameters: queue, job, and the version to which the run is pinned, or null. */
export const countTakers = statement<
  [queue: string, job: string, version: string | null],
  TakersRow
>(
  "count_takers",
  `select count(*) filter (where state = 'active' and takes and runs)::int as workers,
     count(*) filter (where state = 'draining' and takes and runs)::int as draining,
     (array_agg(id order by id) filter (where quieted_at is not null and takes and runs))[:4] as quiet,
     count(*)::int as knowing,
     count(*) filter (where takes and not runs)::int as "otherVersion"
   from (
     select id, state, quieted_at, queues @> array[$1::text] as takes,
       $3::text is null or coalesce(versions -> $2 ->> 'is' = $3 or versions -> $2 -> 'finishes' ? $3, false) as runs
     from millrace.worker where state in ('active', 'draining') and jobs @> array[$2::text]
   ) w`,
);

/** A run that has what another waits for. */
export interface HolderRow {
  run_id: string;
  worker_id: number;
  since: Date;
}

/** Of a worker `w`: whether it could take a run of job $2 from queue $1, which is pinned to version $3 or none. */
const TAKES = `w.state = 'active' and w.jobs @> array[$2::text] and w.queues @> array[$1::text]
  and ($3::text is null or coalesce(w.versions -> $2 ->> 'is' = $3 or w.versions -> $2 -> 'finishes' ? $3, false))`;

/** Runs that hold a limit now, oldest lease first, ten at the most. Parameters: job and key, job alone, or queue alone; of which projects, null for all. */
export const readHolders = statement<
  [job: string | null, key: string | null, queue: string | null, projects: Projects],
  HolderRow
>(
  "read_holders",
  `select u.run_id, l.worker_id, l.claimed_at as since
   from millrace.lease l cross join unnest(l.run_ids) with ordinality u(run_id, ord)
   where ((l.job = $1 and ($2::text is null or l.key = $2)) or l.queue = $3)
     and ${jobWithin("(select job from millrace.run where id = u.run_id)", "$4")}
   order by l.id, u.ord limit 10`,
);

export interface SlotsRow {
  workers: number;
  slots: number;
  taken: number;
}

/** Living workers that could take runs of a job from a queue, and how many of their slots are taken: the runs of a batch share one. Parameters as of {@link countTakers}. */
export const countSlots = statement<[queue: string, job: string, version: string | null], SlotsRow>(
  "count_slots",
  `select count(*)::int as workers, coalesce(sum(w.concurrency), 0)::int as slots,
     coalesce(sum(least(w.concurrency, coalesce(l.taken, 0))), 0)::int as taken
   from millrace.worker w cross join lateral (
     select sum(case when batch then 1 else cardinality(run_ids) end) as taken from millrace.lease where worker_id = w.id
   ) l
   where ${TAKES}`,
);

/** Runs in the slots of these workers, oldest lease first, ten at the most; of some projects, null for all. */
export const readSlotHolders = statement<
  [queue: string, job: string, version: string | null, projects: Projects],
  HolderRow
>(
  "read_slot_holders",
  `select u.run_id, l.worker_id, l.claimed_at as since
   from millrace.lease l cross join unnest(l.run_ids) with ordinality u(run_id, ord)
   where l.worker_id in (select w.id from millrace.worker w where ${TAKES})
     and ${jobWithin("(select job from millrace.run where id = u.run_id)", "$4")}
   order by l.id, u.ord limit 10`,
);

export interface AheadRow {
  /** Runs that start before it, as far as was looked, of the projects that were asked for. */
  ahead: number;
  /** Whether runs of other projects do. */
  others: boolean;
  /** It comes later than what was looked at. */
  more: boolean;
  /** Whether it stands there. */
  found: boolean;
  /** Since when the oldest of those and itself has waited; null where it was not met. */
  since: Date | null;
}

/**
 * Walks parcels in the order in which they are claimed until it meets the run, or for so many: no index leads to a run in
 * its parcel, for that would tax every enqueue, and so the walk must end by itself, however much waits. A run that is not
 * there comes after those of its priority. `from` gives the parcels; the run is $1, its priority $2, and how many $3: as
 * a parameter, because the planner, where it knows of no rows yet, sorts all of them for a number that it sees. Of $5, projects, runs are
 * counted; null for all.
 */
function walk(from: string): string {
  return `with walked as materialized (
      select priority, runs, own, place, sum(runs) over before - runs as before, sum(own) over before - own as own_before,
        min(since) over before as since
      from (
        select priority, start_by, seq, since, cardinality(run_ids) as runs, array_position(run_ids, $1::uuid) - 1 as place,
          case when ${jobWithin("job", "$5")} then cardinality(run_ids) else 0 end as own
        from ${from} order by priority desc, start_by, seq limit $3::bigint
      ) parcel
      window before as (order by priority desc, start_by, seq rows unbounded preceding)
    )
    -- The sum and the count are only asked for, and so what lies behind the run only read, where it is not found.
    select coalesce(f.own_before + f.place, (select sum(own) from walked where priority >= $2), 0)::int as ahead,
      coalesce(f.before > f.own_before, (select sum(runs) > sum(own) from walked where priority >= $2), false) as others,
      f.place is null and (select count(*) from walked) = $3 as more, f.place is not null as found, f.since
    from (select) one left join (select before, own_before, place, since from walked where place is not null limit 1) f on true`;
}

/** How many runs of its queue come before one in `ready`. */
export const countAhead = statement<
  [run: string, priority: number, parcels: number, queue: string, projects: Projects],
  AheadRow
>("count_ahead", walk("millrace.ready where queue = $4 and not gated"));

/** How many runs of its lane come before one that passes the gate. */
export const countAheadInLane = statement<
  [
    run: string,
    priority: number,
    parcels: number,
    queue: string,
    projects: Projects,
    job: string,
    key: string,
  ],
  AheadRow
>("count_ahead_in_lane", walk("millrace.gate where job = $6 and key = $7 and queue = $4"));

/** How fast runs of a queue have started lately: runs per second, over the workers that say so. */
export const readPace = statement<[queue: string], { per_second: number | null }>(
  "read_pace",
  `select sum(p.per_second) as per_second from millrace.pace p
   where p.queue = $1 and p.at > clock_timestamp() - interval '1 minute'`,
);

/** Notes how fast a worker has started runs of its queues, and how many since the last time. */
export const notePace = statement<
  [worker: number, queues: string[], perSecond: number[], started: number[]],
  never
>(
  "note_pace",
  `insert into millrace.pace as b (worker_id, queue, per_second, started)
   select $1, queue, per_second, started from unnest($2::text[], $3::float8[], $4::bigint[]) p(queue, per_second, started)
   -- As whoever samples locks them.
   order by queue
   on conflict (worker_id, queue) do update
   set per_second = excluded.per_second, started = b.started + excluded.started, at = clock_timestamp()`,
);

/** Forgets the paces of workers that have ended. */
export const forgetPaces = statement<[], never>(
  "forget_paces",
  `delete from millrace.pace where at < clock_timestamp() - interval '10 minutes'`,
);

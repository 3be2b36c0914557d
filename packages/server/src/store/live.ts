import type { Rate } from "@millrace/core";
import { PLACES, type RunRow, SUMMARY } from "./runs.ts";
import { statement } from "./statement.ts";

/** What stands of one project in one queue. */
export interface StandingOfQueueRow {
  queue: string;
  /** Null for a queue that all projects share. */
  queue_project: string | null;
  /** Whose runs these are; null where none stand. */
  project: string | null;
  /** Runs that may start now. */
  ready: number;
  /** Runs that a limit, a rate, a pause of their job or an unfilled batch holds back. */
  held: number;
  running: number;
  /** Since when the first of those that do not run has waited. */
  since: Date | null;
  /** Null where it is not paused now. */
  paused_at: Date | null;
  paused_until: Date | null;
  concurrency: number | null;
  rate: Rate | null;
  /** Living workers that take from the queue, how many runs they may execute at a time, and whether they take from no other. */
  workers: number;
  slots: number;
  alone: boolean;
  now: Date;
  /** How long the database has looked so far, in milliseconds. */
  took_ms: number;
}

/** What tells how long a statement took when its last row was made. */
const TOOK_MS = `extract(epoch from clock_timestamp() - statement_timestamp())::float8 * 1000 as took_ms`;

/** Reads `ready`, `gate`, `lease` and `worker` whole, and of the history only what runs: its cost follows the backlog. */
export const readStandingOfQueues = statement<[], StandingOfQueueRow>(
  "read_standing_of_queues",
  `with standing as (
      select queue, job, sum(ready)::int as ready, sum(held)::int as held, sum(running)::int as running, min(since) as since
      from (
        select queue, job, cardinality(run_ids) as ready, 0 as held, 0 as running, since from millrace.ready
        union all
        select queue, job, 0, cardinality(run_ids), 0, since from millrace.gate
        union all
        select r.queue, r.job, 0, 0, 1, null
        from millrace.lease l cross join unnest(l.run_ids) u(id)
        cross join lateral (select queue, job from millrace.run where id = u.id limit 1) r
      ) place
      group by queue, job
    ),
    parts as (
      select s.queue, j.project, true as stands, s.ready, s.held, s.running, s.since, null::int as slots, null::boolean as alone
      from standing s left join lateral (select project from millrace.job where name = s.job limit 1) j on true
      union all
      select name, null, false, 0, 0, 0, null, null, null from millrace.queue
      union all
      select u.queue, null, false, 0, 0, 0, null, k.concurrency, cardinality(k.queues) = 1
      from millrace.worker k cross join unnest(k.queues) u(queue) where k.state = 'active'
    ),
    of_project as (
      select queue, project, stands, sum(ready)::int as ready, sum(held)::int as held, sum(running)::int as running, min(since) as since,
        (sum(count(slots)) over q)::int as workers, coalesce(sum(sum(slots)) over q, 0)::int as slots,
        coalesce(bool_and(bool_and(alone)) over q, false) as alone, bool_or(stands) over q as any_stand
      from parts group by queue, project, stands window q as (partition by queue)
    )
    select q.name as queue, q.project as queue_project, p.project, p.ready, p.held, p.running, p.since,
      case when q.paused_until is null or q.paused_until > clock_timestamp() then q.paused_at end as paused_at, q.paused_until, q.concurrency, q.rate,
      p.workers, p.slots, p.alone, clock_timestamp() as now, ${TOOK_MS}
    from of_project p cross join lateral (select * from millrace.queue where name = p.queue limit 1) q
    where p.stands or not p.any_stand
    order by q.name limit 1000`,
);

/** Of these runs what a list shows, and whose they are; each is looked up by itself. */
export const readWatched = statement<
  [ids: string[]],
  RunRow & { project: string | null; took_ms: number }
>(
  "read_watched",
  `select ${SUMMARY}, (select j.project from millrace.job j where j.name = r.job) as project, ${TOOK_MS}
   from unnest($1::uuid[]) w(id) cross join lateral (select * from millrace.run where id = w.id limit 1) r ${PLACES}`,
);

/** Of rows that tell it: how long the database has looked for all of them, in milliseconds. */
export function tookMs(rows: readonly { took_ms: number }[]): number {
  return rows.reduce((most, { took_ms }) => Math.max(most, took_ms), 0);
}

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
  paused: boolean;
}

/** Reads `ready`, `gate` and `lease` whole, and of the history only what runs: its cost follows the backlog. */
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
    of_project as (
      select s.queue, j.project, sum(s.ready)::int as ready, sum(s.held)::int as held, sum(s.running)::int as running, min(s.since) as since
      from standing s left join millrace.job j on j.name = s.job group by s.queue, j.project
    )
    select q.name as queue, q.project as queue_project, p.project, coalesce(p.ready, 0) as ready, coalesce(p.held, 0) as held,
      coalesce(p.running, 0) as running, p.since,
      q.paused_at is not null and (q.paused_until is null or q.paused_until > clock_timestamp()) as paused
    from millrace.queue q left join of_project p on p.queue = q.name
    order by q.name limit 1000`,
);

/** Of these runs what a list shows, and whose they are; each is looked up by itself. */
export const readWatched = statement<[ids: string[]], RunRow & { project: string | null }>(
  "read_watched",
  `select ${SUMMARY}, (select j.project from millrace.job j where j.name = r.job) as project
   from unnest($1::uuid[]) w(id) cross join lateral (select * from millrace.run where id = w.id limit 1) r ${PLACES}`,
);

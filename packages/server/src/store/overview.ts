import type { Projects } from "@millrace/core";
import type { EndOutcome } from "./ends.ts";
import { jobWithin, within } from "./scope.ts";
import { statement } from "./statement.ts";

export interface BarRow {
  at: Date;
  outcome: EndOutcome;
  runs: number;
}

const bars = (title: string, table: string) =>
  statement<[from: Date, seconds: number, projects: Projects], BarRow>(
    title,
    `select date_bin(make_interval(secs => $2::float8), at, $1::timestamptz) as at, outcome, sum(ends)::int as runs
     from millrace.${table} where at >= $1 and ${jobWithin("job", "$3")} group by 1, 2`,
  );

/** How attempts and runs have ended since an instant, by so many seconds from it on. Their cost follows the time and the number of jobs. */
export const readMinutes = bars("read_outcome_minutes", "end_minute");
export const readHours = bars("read_outcome_hours", "end_hour");

/** What waited and ran at the beginning of each minute since an instant. */
export const readSamples = statement<
  [from: Date, projects: Projects],
  { at: Date; waiting: number; running: number; oldest_seconds: number }
>(
  "read_samples",
  `select at, sum(waiting)::int as waiting, sum(running)::int as running, max(oldest_seconds) as oldest_seconds
   from millrace.standing_minute where at >= $1 and ${jobWithin("job", "$2")} group by at order by at`,
);

/** Per queue: what waited ten minutes ago, who takes from it, and who has paused it. */
export const readQueueTrends = statement<
  [projects: Projects],
  {
    name: string;
    before: number | null;
    workers: number;
    paused_at: Date | null;
    paused_by: string | null;
    pause_reason: string | null;
    paused_until: Date | null;
  }
>(
  "read_queue_trends",
  `with standing as (
      select queue, sum(before)::int as before, sum(workers)::int as workers from (
        select name as queue, 0 as before, 0 as workers from millrace.queue where project is null or ${within("project", "$1")}
        union all
        select queue, waiting, 0 from millrace.standing_minute
        where at = date_trunc('minute', clock_timestamp() - interval '10 minutes') and ${jobWithin("job", "$1")}
        union all
        select u.queue, 0, 1 from millrace.worker w cross join unnest(w.queues) u(queue)
        where w.state = 'active' and ${within("w.project", "$1")}
      ) p group by queue
    )
    select q.name,
      case when exists (select from millrace.queue_sample where minute = date_trunc('minute', clock_timestamp() - interval '10 minutes'))
        then s.before end as before,
      s.workers,
      case when q.paused_until is null or q.paused_until > clock_timestamp() then q.paused_at end as paused_at,
      q.paused_by, q.pause_reason, q.paused_until
    from standing s cross join lateral (select * from millrace.queue where name = s.queue limit 1) q
    where q.project is null or ${within("q.project", "$1")}`,
);

/** Schedules that should have been looked at a minute ago, the latest first. */
export const readLateSchedules = statement<
  [projects: Projects, most: number],
  { name: string; job: string; next_at: Date; late_seconds: number }
>(
  "read_late_schedules",
  `select name, job, next_at, extract(epoch from clock_timestamp() - next_at)::float8 as late_seconds from millrace.schedule
   where next_at < clock_timestamp() - interval '1 minute' and ${jobWithin("job", "$1")} order by next_at limit $2`,
);

/** Workers that were declared lost within the last hour. */
export const readLostWorkers = statement<
  [projects: Projects, most: number],
  { id: number; name: string; ended_at: Date }
>(
  "read_lost_workers",
  `select id, name, ended_at from millrace.worker
   where state = 'lost' and ended_at > clock_timestamp() - interval '1 hour' and ${within("project", "$1")} order by id desc limit $2`,
);

/** What people are waited for: how many of each, a thousand at the most, and since when. */
export const readForPeople = statement<
  [projects: Projects],
  { kind: "approvals" | "doubts"; count: number; oldest: Date | null }
>(
  "read_for_people",
  `select 'approvals' as kind, count(*)::int as count, min(asked_at) as oldest from (
      select w.asked_at from millrace.waiter w
      cross join lateral (select job from millrace.run where id = w.run_id and state is null limit 1) r
      where w.approval is not null and w.met_at is null and w.due_at > clock_timestamp() and ${jobWithin("r.job", "$1")} order by w.approval limit 1000
    ) a
   union all
   select 'doubts', count(*)::int, min(doubt_at) from (
      select w.doubt_at from millrace.waiter w
      cross join lateral (select job from millrace.run where id = w.run_id and state is null limit 1) r
      where w.doubt is not null and w.met_at is null and ${jobWithin("r.job", "$1")} order by w.doubt limit 1000
    ) d`,
);

/** Versions that were first seen between two instants, the last ones of these, oldest first. */
export const readDeploys = statement<
  [from: Date, to: Date, projects: Projects, most: number],
  { job: string; version: string; first_seen: Date }
>(
  "read_deploys",
  `select * from (
     select job, version, first_seen from millrace.job_version where first_seen >= $1 and first_seen < $2 and ${jobWithin("job", "$3")}
     order by first_seen desc limit $4
   ) v order by first_seen, job`,
);

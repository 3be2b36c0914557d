import { statement } from "./statement.ts";

/** A row's project is null where it is of no single one. */
export interface OfProject {
  project: string | null;
}

export interface WaitingRow extends OfProject {
  name: string;
  ready: number;
  /** Held back by a limit, a rate, a pause of their job or an unfilled batch. */
  held: number;
  /** For how many seconds the first of both has waited, until `now`. */
  oldest_seconds: number;
  /** Living workers that take from it. */
  workers: number;
  /** What waited when the window began; null when nobody looked then. */
  before: number | null;
}

/**
 * The queues in which something waits, but for those that are paused. Reads `ready` and `gate` whole, and no run: its cost follows the backlog,
 * never the history. What waited before is what was seen in one minute, by the primary key of `standing_minute`. Parameters: now; how long the window is;
 * how many queues at the most, those with the most first.
 */
export const readWaiting = statement<[now: Date, windowMs: number, most: number], WaitingRow>(
  "alerts_waiting",
  `with look as materialized (
      select max(minute) as minute from millrace.queue_sample
      where minute <= $1::timestamptz - $2::float8 * interval '1 millisecond'
        and minute > $1::timestamptz - $2::float8 * interval '1 millisecond' - interval '3 minutes'
    ),
    standing as (
      select queue, sum(ready)::int as ready, sum(held)::int as held, min(since) as since, sum(workers)::int as workers,
        sum(before)::int as before
      from (
        select queue, cardinality(run_ids) as ready, 0 as held, since, 0 as workers, 0 as before from millrace.ready
        union all
        select queue, 0, cardinality(run_ids), since, 0, 0 from millrace.gate
        union all
        select u.queue, 0, 0, null, 1, 0 from millrace.worker w cross join unnest(w.queues) u(queue) where w.state = 'active'
        union all
        select queue, 0, 0, null, 0, waiting from millrace.standing_minute where at = (select minute from look)
      ) p group by queue
    )
    select s.queue as name, q.project, s.ready, s.held,
      greatest(0, extract(epoch from $1::timestamptz - s.since))::float8 as oldest_seconds, s.workers,
      case when l.minute is not null then s.before end as before
    from standing s
    cross join lateral (select * from millrace.queue where name = s.queue limit 1) q
    cross join look l
    where s.since is not null and (q.paused_at is null or q.paused_until <= $1::timestamptz)
    order by s.ready + s.held desc, s.queue limit $3`,
);

export interface EndedRow extends OfProject {
  name: string;
  count: number;
  failed: number;
}

/**
 * How attempts ended, by job. One that was lost with its worker says nothing about its job, unless its run failed of it. By the primary key of `end_minute`: the cost
 * follows the jobs that ran within the window.
 */
export const countAttempts = statement<[now: Date, windowMs: number], EndedRow>(
  "alerts_attempts",
  `select e.job as name, j.project, sum(e.ends)::int as count, coalesce(sum(e.ends) filter (where e.outcome <> 'completed'), 0)::int as failed
   from millrace.end_minute e left join millrace.job j on j.name = e.job
   where e.outcome in ('completed', 'failed', 'retried') and e.at > $1::timestamptz - $2::float8 * interval '1 millisecond' and e.at <= $1
   group by e.job, j.project`,
);

export interface CalledRow extends EndedRow {
  /** By the bounds of `engine/call-times.ts`, and those that took longer. */
  within: number[];
}

/** The same of calls, by host and by the project of the workers that made them. By the primary key of `call_minute`. */
export const countCalls = statement<[now: Date, windowMs: number], CalledRow>(
  "alerts_calls",
  `select host as name, project, sum(calls)::int as count, sum(failed)::int as failed,
     array[sum(within[1]), sum(within[2]), sum(within[3]), sum(within[4]), sum(within[5]), sum(within[6]), sum(within[7]), sum(within[8]),
       sum(within[9])]::int[] as within
   from millrace.call_minute
   where at > $1::timestamptz - $2::float8 * interval '1 millisecond' and at <= $1
   group by host, project`,
);

export interface CountedRow extends OfProject {
  name: string;
  count: number;
}

/** Runs that failed, and so became dead letters, by job. By the primary key of `end_minute`. */
export const countDead = statement<[now: Date, windowMs: number], CountedRow>(
  "alerts_dead_letters",
  `select e.job as name, j.project, sum(e.ends)::int as count
   from millrace.end_minute e left join millrace.job j on j.name = e.job
   where e.outcome = 'failed' and e.at > $1::timestamptz - $2::float8 * interval '1 millisecond' and e.at <= $1
   group by e.job, j.project order by count desc, e.job limit 1000`,
);

/** Occurrences that were missed, or whose runs were late, by schedule; of one that was removed nobody knows whose it was. By `alert_signal_at`. */
export const countOccurrences = statement<
  [now: Date, windowMs: number, kind: "missed" | "late"],
  CountedRow
>(
  "alerts_occurrences",
  `select s.name, j.project, sum(s.count)::int as count
   from millrace.alert_signal s
   join millrace.schedule c on c.name = s.name left join millrace.job j on j.name = c.job
   where s.kind = $3 and s.at > $1::timestamptz - $2::float8 * interval '1 millisecond' and s.at <= $1
   group by s.name, j.project order by count desc, s.name limit 1000`,
);

/** The schedules that should have fired, the longest ago first. By `schedule_due`. */
export const overdueSchedules = statement<
  [now: Date, seconds: number],
  OfProject & { name: string; seconds: number }
>(
  "alerts_overdue_schedules",
  `select s.name, j.project, extract(epoch from $1::timestamptz - s.next_at)::float8 as seconds
   from millrace.schedule s join millrace.job j on j.name = s.job
   where s.next_at < $1::timestamptz - $2::float8 * interval '1 second' order by s.next_at limit 1000`,
);

/** Workers that were lost, by project. Those that ended are forgotten after an hour, so there are few. */
export const countLostWorkers = statement<
  [now: Date, windowMs: number],
  CountedRow & { names: string[] }
>(
  "alerts_lost_workers",
  `select project as name, project, count(*)::int as count, (array_agg(distinct name))[:3] as names
   from millrace.worker
   where state = 'lost' and ended_at > $1::timestamptz - $2::float8 * interval '1 millisecond' and ended_at <= $1::timestamptz group by project`,
);

/** What stops working before then. */
export const endingCredentials = statement<
  [now: Date, until: Date],
  OfProject & { kind: "key" | "secret"; name: string; seconds: number }
>(
  "alerts_ending_credentials",
  `select kind, name, project, extract(epoch from ends_at - $1::timestamptz)::float8 as seconds
   from millrace.ending_credentials($2) order by ends_at limit 1000`,
);

/** Forgets signals that nobody looks at any more, up to a number of them. */
export const pruneAlertSignals = statement<
  [olderThanMs: number, limit: number],
  { pruned: number }
>(
  "prune_alert_signals",
  `with gone as (
      delete from millrace.alert_signal where ctid = any (array(
        select ctid from millrace.alert_signal
        where kind in ('missed', 'late') and at < clock_timestamp() - $1::float8 * interval '1 millisecond' limit $2 for update skip locked))
      returning 1
    )
    select count(*)::int as pruned from gone`,
);

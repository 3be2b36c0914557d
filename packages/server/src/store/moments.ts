import type { Projects, Severity } from "@millrace/core";
import type { EndOutcome } from "./ends.ts";
import { jobWithin, within } from "./scope.ts";
import { statement } from "./statement.ts";

/*
 * What is kept of a minute that is over. Each statement goes by the beginning of a key that begins with the time: it costs what was in that minute, however
 * long ago it was.
 */

const ends = (title: string, table: string) =>
  statement<[at: Date, projects: Projects], { outcome: EndOutcome; ends: number }>(
    title,
    `select outcome, sum(ends)::int as ends from millrace.${table} where at = $1 and ${jobWithin("job", "$2")} group by outcome`,
  );

/** How attempts and runs ended in the minute, or the hour, that began then. */
export const readEndsOfMinute = ends("read_ends_of_minute", "end_minute");
export const readEndsOfHour = ends("read_ends_of_hour", "end_hour");

/** What stood in each queue when somebody looked in that minute: no row when nobody did, and one without a queue when there was nothing. */
export const readStandingThen = statement<
  [minute: Date, projects: Projects],
  { queue: string | null; waiting: number; running: number; oldest_seconds: number }
>(
  "read_standing_then",
  `select s.queue, coalesce(s.waiting, 0) as waiting, coalesce(s.running, 0) as running, coalesce(s.oldest_seconds, 0) as oldest_seconds
   from millrace.queue_sample q
   left join lateral (
     select queue, sum(waiting)::int as waiting, sum(running)::int as running, max(oldest_seconds) as oldest_seconds
     from millrace.standing_minute where at = q.minute and ${jobWithin("job", "$2")} group by queue
   ) s on true
   where q.minute = $1 order by s.waiting desc, s.running desc, s.queue`,
);

export interface WorstErrorRow {
  fingerprint: string;
  error_class: string;
  /** Of the run that failed so last, whenever that was. */
  error_message: string | null;
  last_run: string;
  /** Whether that run is about somebody. */
  of_subject: boolean;
  jobs: string[];
  runs: number;
  first_seen: Date;
  last_seen: Date;
}

/** What runs failed with most between two instants, by slots of five minutes. Its cost follows the groups that came then. */
export const readWorstErrors = statement<
  [from: Date, to: Date, projects: Projects, most: number],
  WorstErrorRow
>(
  "read_worst_errors",
  `with worst as (
      select s.fingerprint, array_agg(distinct s.job order by s.job) as jobs, sum(s.runs)::int as runs, min(g.error_class) as error_class,
        min(g.first_seen) as first_seen, max(g.last_seen) as last_seen, (array_agg(g.last_run order by g.last_seen desc))[1] as last_run
      from millrace.error_slot s join millrace.error_group g on g.fingerprint = s.fingerprint and g.job = s.job
      where s.at >= $1 and s.at < $2 and ${jobWithin("s.job", "$3")}
      group by s.fingerprint order by 3 desc, s.fingerprint limit $4
    )
    select t.*, d.error_message, exists (select from millrace.run_subject r where r.run_id = t.last_run) as of_subject
    from worst t left join lateral (select error_message from millrace.dead_letter where run_id = t.last_run) d on true
    order by t.runs desc, t.fingerprint`,
);

/** The same of one group over all time. */
export const readErrorWhole = statement<[fingerprint: string, projects: Projects], WorstErrorRow>(
  "read_error_whole",
  `with whole as (
      select fingerprint, array_agg(job order by job) as jobs, sum(runs)::int as runs, min(error_class) as error_class, min(first_seen) as first_seen,
        max(last_seen) as last_seen, (array_agg(last_run order by last_seen desc))[1] as last_run
      from millrace.error_group where fingerprint = $1 and ${jobWithin("job", "$2")} group by fingerprint
    )
    select w.*, d.error_message, exists (select from millrace.run_subject r where r.run_id = w.last_run) as of_subject
    from whole w left join lateral (select error_message from millrace.dead_letter where run_id = w.last_run) d on true`,
);

/** Calls of handlers in that minute, by host. */
export const readCallsThen = statement<
  [minute: Date, projects: Projects, most: number],
  { host: string; calls: number; failed: number }
>(
  "read_calls_then",
  `select host, sum(calls)::int as calls, sum(failed)::int as failed from millrace.call_minute
   where at = $1 and ${within("project", "$2")} group by host order by failed desc, calls desc, host limit $3`,
);

/** So many alerts that began before an instant are looked at, the last ones, besides those that are open still. */
const ALERTS_LOOKED_AT = 5000;

/** Alerts that fired at any time between two instants, the most severe first. */
export const readAlertsThen = statement<
  [from: Date, to: Date, projects: Projects, most: number],
  {
    id: string;
    rule: string;
    subject: string;
    severity: Severity;
    fired_at: Date;
    resolved_at: Date | null;
  }
>(
  "read_alerts_then",
  `select id, rule, subject, severity, fired_at, resolved_at
   from (
     (select * from millrace.alert where id < millrace.uuid_floor($2) order by id desc limit ${ALERTS_LOOKED_AT})
     union
     select * from millrace.alert where state <> 'resolved'
   ) a
   where fired_at < $2 and (resolved_at is null or resolved_at > $1) and ${within("project", "$3")}
   order by array_position('{critical,warning,info}'::text[], severity), fired_at desc, id limit $4`,
);

/** Workers that were declared lost between two instants, the last ones first. */
export const readWorkersLostThen = statement<
  [from: Date, to: Date, projects: Projects, most: number],
  { id: number; name: string; ended_at: Date }
>(
  "read_workers_lost_then",
  `select id, name, ended_at from millrace.worker
   where state = 'lost' and ended_at >= $1 and ended_at < $2 and ${within("project", "$3")} order by ended_at desc, id desc limit $4`,
);

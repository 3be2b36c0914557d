import type { Json, Projects, RunState, Trigger } from "@millrace/core";
import { jobWithin } from "./scope.ts";
import { exactStatement, statement } from "./statement.ts";

export interface ErrorGroupRow {
  fingerprint: string;
  error_class: string;
  /** Null where retention has taken the newest run. */
  error_message: string | null;
  runs: number;
  first_seen: Date;
  last_seen: Date;
  jobs: string[];
  last_run: string;
  last_hour: number;
  day_before: number;
  state: "open" | "snoozed" | "fixed";
  snoozed_until: Date | null;
  assigned_to: string | null;
  fixed_at: Date | null;
  fixed_by: string | null;
  fixed_version: string | null;
  reopened_at: Date | null;
  note: string | null;
  /** When it was seen last, in microseconds since 1970. */
  seen_us: number;
}

const SEEN_US = `(extract(epoch from w.last_seen) * 1000000)::bigint`;

/** Those rows, of jobs that somebody may see, as groups: each once, whatever the number of its jobs. */
const GROUPS = (chosen: string, projects: string) => `
    whole as materialized (
      select fingerprint, (array_agg(error_class order by last_seen desc))[1] as error_class, sum(runs)::bigint as runs,
        min(first_seen) as first_seen, max(last_seen) as last_seen, (array_agg(job order by runs desc, job))[:10] as jobs,
        (array_agg(last_run order by last_seen desc))[1] as last_run,
        case when bool_and(fixed_at is not null) then 'fixed'
          when bool_and(fixed_at is not null or coalesce(snoozed_until > clock_timestamp(), false)) then 'snoozed' else 'open' end as state,
        max(snoozed_until) filter (where snoozed_until > clock_timestamp()) as snoozed_until, max(assigned_to) as assigned_to,
        case when bool_and(fixed_at is not null) then max(fixed_at) end as fixed_at,
        case when bool_and(fixed_at is not null) then max(fixed_by) end as fixed_by,
        case when bool_and(fixed_at is not null) then max(fixed_version) end as fixed_version,
        max(reopened_at) as reopened_at, max(note) as note
      from millrace.error_group
      where ${chosen} and ${jobWithin("job", projects)}
      group by fingerprint
    )`;

const COUNTED = (projects: string) => `
    cross join lateral (
      select coalesce(sum(s.runs) filter (where s.at > clock_timestamp() - interval '1 hour'), 0)::int as last_hour,
        coalesce(sum(s.runs) filter (where s.at <= clock_timestamp() - interval '1 hour'), 0)::int as day_before
      from millrace.error_slot s
      where s.fingerprint = w.fingerprint and s.at > clock_timestamp() - interval '25 hours' and ${jobWithin("s.job", projects)}
    ) c
    left join lateral (select error_message from millrace.dead_letter where run_id = w.last_run) d on true`;

/**
 * Groups of errors. Its cost follows their number, of which those are kept that came within a quarter of a year. Parameters: state or null; job or null; seen at or
 * after, or null; by what they are sorted; how many; below which time and fingerprint, when they are sorted by time; of which projects.
 */
export const listErrorGroups = statement<
  [
    state: string | null,
    job: string | null,
    since: Date | null,
    sort: "recent" | "rate" | "count",
    limit: number,
    belowUs: number | null,
    belowFingerprint: string | null,
    projects: Projects,
  ],
  ErrorGroupRow
>(
  "list_error_groups",
  `with${GROUPS("($2::text is null or job = $2)", "$8")}
   select w.*, ${SEEN_US} as seen_us, c.last_hour, c.day_before, d.error_message
   from whole w ${COUNTED("$8")}
   where ($1::text is null or w.state = $1) and ($3::timestamptz is null or w.last_seen >= $3)
     and ($6::bigint is null or (${SEEN_US}, w.fingerprint) < ($6, $7))
   order by case $4 when 'rate' then c.last_hour - c.day_before / 24.0 when 'count' then w.runs else 0 end desc,
     w.last_seen desc, w.fingerprint desc
   limit $5`,
);

export const readErrorGroup = statement<[fingerprint: string, projects: Projects], ErrorGroupRow>(
  "read_error_group",
  `with${GROUPS("fingerprint = $1", "$2")}
   select w.*, ${SEEN_US} as seen_us, c.last_hour, c.day_before, d.error_message from whole w ${COUNTED("$2")}`,
);

/** How often in each hour of the last week. */
export const readErrorHours = statement<
  [fingerprint: string, projects: Projects],
  { at: Date; runs: number }
>(
  "read_error_hours",
  `select date_trunc('hour', at) as at, sum(runs)::int as runs from millrace.error_slot
   where fingerprint = $1 and at > clock_timestamp() - interval '7 days' and ${jobWithin("job", "$2")} group by 1 order by 1`,
);

/** How often in each five minutes of the last hour, of several groups. */
export const readErrorSparks = statement<
  [fingerprints: string[], projects: Projects],
  { fingerprint: string; at: Date; runs: number }
>(
  "read_error_sparks",
  `select fingerprint, at, sum(runs)::int as runs from millrace.error_slot
   where fingerprint = any ($1) and at > clock_timestamp() - interval '65 minutes' and ${jobWithin("job", "$2")} group by 1, 2`,
);

/** How often since an instant, of several groups. */
export const countErrorsSince = statement<
  [fingerprints: string[], since: Date, projects: Projects],
  { fingerprint: string; runs: number }
>(
  "count_errors_since",
  `select fingerprint, sum(runs)::int as runs from millrace.error_slot
   where fingerprint = any ($1) and at >= $2 and ${jobWithin("job", "$3")} group by 1`,
);

export const readErrorVersions = statement<
  [fingerprints: string[], projects: Projects],
  {
    fingerprint: string;
    job: string;
    version: string;
    first_seen: Date;
    last_seen: Date;
    runs: number;
  }
>(
  "read_error_versions",
  `select fingerprint, job, version, first_seen, last_seen, runs from millrace.error_version
   where fingerprint = any ($1) and ${jobWithin("job", "$2")} order by last_seen desc limit 100`,
);

/** The last version of some jobs that was first seen before an instant. */
export const readDeployBefore = statement<
  [jobs: string[], at: Date],
  { job: string; version: string; first_seen: Date }
>(
  "read_deploy_before",
  `select job, version, first_seen from millrace.job_version where job = any ($1) and first_seen <= $2 order by first_seen desc limit 1`,
);

/** What may tell failures from successes. */
export interface FactsRow {
  id: string;
  job: string;
  queue: string;
  version: string | null;
  worker: string | null;
  attempts: number;
  trigger: Trigger;
  state: RunState;
  input: Json;
  /** The input is larger than 16 KiB, and was left out: hundreds of such would be more than a process can hold. The first row has its own in any case. */
  large: boolean;
}

/** First by its size as it is stored, which costs nothing; but what repeats itself is stored in little. */
const IS_LARGE = `case when row_number() over (order by r.id desc) = 1 then false when pg_column_size(r.input) > 16384 then true
      else octet_length(r.input::text) > 16384 end`;

const FACTS = `r.id, r.job, r.queue, coalesce(r.version, w.versions -> r.job ->> 'is') as version, w.name as worker, r.attempts, r.trigger, r.state,
    case when not r.large then r.input end as input, r.large`;

const SIZED = (from: string) => `(select r.*, ${IS_LARGE} as large from ${from})`;

/**
 * Runs that failed with a fingerprint, the newest first. It looks at so many dead letters at the most, along their key. Parameters: fingerprint; how many to look at; how many to
 * answer; of which projects.
 */
export const sampleFailures = exactStatement<
  [fingerprint: string, window: number, limit: number, projects: Projects],
  FactsRow
>(
  "sample_failures",
  `with seen as materialized (
      select run_id, job, fingerprint from millrace.dead_letter order by run_id desc limit $2
    ),
    hit as materialized (
      select run_id from seen where fingerprint = $1 and ${jobWithin("job", "$4")} order by run_id desc limit $3
    )
    select ${FACTS} from ${SIZED("hit h cross join lateral (select * from millrace.run where id = h.run_id limit 1) r")} r
    left join millrace.worker w on w.id = r.worker_id order by r.id desc`,
);

/** The same of runs of a job that have completed, of so many that were accepted last. */
export const sampleSuccesses = exactStatement<
  [job: string, window: number, limit: number],
  FactsRow
>(
  "sample_successes",
  `with seen as materialized (
      select id, job, state, queue, version, worker_id, attempts, trigger, input from millrace.run order by id desc limit $2
    ),
    hit as materialized (
      select * from seen where job = $1 and state = 'completed' order by id desc limit $3
    )
    select ${FACTS} from ${SIZED("hit r")} r left join millrace.worker w on w.id = r.worker_id order by r.id desc`,
);

/** The run that is shown for a group, with its last error. */
export const readErrorSample = exactStatement<
  [run: string],
  {
    run: string;
    job: string;
    failed_at: Date | null;
    error_class: string | null;
    error_message: string | null;
    error_stack: string | null;
    input: Json;
  }
>(
  "read_error_sample",
  `select r.id as run, r.job, r.finished_at as failed_at, a.error_class, a.error_message, a.error_stack, r.input
   from (select * from millrace.run where id = $1 limit 1) r
   left join lateral (
     select error_class, error_message, error_stack from millrace.attempt
     where run_id = r.id and outcome in ('failed', 'lost') order by number desc limit 1
   ) a on true`,
);

/** Changes what people have said of a group, of those jobs that they may see; what is not told stays. Answers the jobs. */
export const changeErrorGroup = statement<
  [
    fingerprint: string,
    projects: Projects,
    setSnooze: boolean,
    snoozedUntil: Date | null,
    setAssigned: boolean,
    assignedTo: string | null,
    setFixed: boolean,
    fixed: boolean,
    version: string | null,
    by: string,
    setNote: boolean,
    note: string | null,
  ],
  { job: string }
>(
  "change_error_group",
  `update millrace.error_group
   set snoozed_until = case when $3 then $4::timestamptz else snoozed_until end,
     assigned_to = case when $5 then $6 else assigned_to end,
     fixed_at = case when $7 then case when $8 then clock_timestamp() end else fixed_at end,
     fixed_by = case when $7 then case when $8 then $10 end else fixed_by end,
     fixed_version = case when $7 then case when $8 then $9 end else fixed_version end,
     reopened_at = case when $7 then null else reopened_at end,
     note = case when $11 then $12 else note end
   where fingerprint = $1 and ${jobWithin("job", "$2")} returning job`,
);

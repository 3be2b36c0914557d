import { statement } from "./statement.ts";

/** Whoever counts takes this lock for as long as one statement: one at a time. The number is "ends" in ASCII. */
const COUNT_LOCK = 0x65_6e_64_73;

/** Adds what was taken to its minutes, or hours. */
const ADDED = (table: string, unit: string) => `
      insert into millrace.${table} as m (at, job, outcome, ends)
      select date_trunc('${unit}', at), job, outcome, sum(ends) from taken group by 1, 2, 3 order by 1, 2, 3
      on conflict (at, job, outcome) do update set ends = m.ends + excluded.ends`;

/**
 * Takes away some of the notes of ends, and counts them: by minute and hour, and of failures by their group, in five minutes and by version. A group that was
 * said to be fixed is open again when a run fails so that was not of an older version. Answers how many were taken; none while somebody else is at it.
 */
export const countEnds = statement<[limit: number], { taken: number }>(
  "count_ends",
  `with locked as materialized (
      select pg_try_advisory_xact_lock(${COUNT_LOCK}) as mine
    ),
    taken as (
      delete from millrace.uncounted_end where ctid = any (array(
        select ctid from millrace.uncounted_end limit case when (select mine from locked) then $1::bigint else 0 end))
      returning *
    ),
    of_minutes as (${ADDED("end_minute", "minute")}
    ),
    of_hours as (${ADDED("end_hour", "hour")}
    ),
    failed as materialized (
      select t.job, t.at, t.ends as runs, t.last_run, t.fingerprint, t.error_class, coalesce(t.version, w.versions -> t.job ->> 'is', '') as version
      from taken t left join millrace.worker w on w.id = t.worker_id
      where t.outcome = 'failed' and t.fingerprint is not null
    ),
    grouped as (
      insert into millrace.error_group as g (fingerprint, job, error_class, first_seen, last_seen, runs, last_run)
      select fingerprint, job, min(error_class), min(at), max(at), sum(runs), (array_agg(last_run order by at desc))[1]
      from failed group by 1, 2 order by 1, 2
      on conflict (fingerprint, job) do update set last_seen = greatest(g.last_seen, excluded.last_seen), runs = g.runs + excluded.runs,
        last_run = case when excluded.last_seen >= g.last_seen then excluded.last_run else g.last_run end,
        (fixed_at, fixed_by, fixed_version, reopened_at) = (
          select case when again then null else g.fixed_at end, case when again then null else g.fixed_by end,
            case when again then null else g.fixed_version end, case when again then excluded.last_seen else g.reopened_at end
          from (
            select exists (select from failed f
              where f.fingerprint = g.fingerprint and f.job = g.job and f.at > g.fixed_at
                and (g.fixed_version is null or f.version in ('', g.fixed_version) or
                  (select v.first_seen from millrace.job_version v where v.job = f.job and v.version = f.version)
                  >= (select v.first_seen from millrace.job_version v where v.job = f.job and v.version = g.fixed_version))) as again
          ) x)
    ),
    slots as (
      insert into millrace.error_slot as s (at, fingerprint, job, runs)
      select date_bin('5 minutes', at, 'epoch'), fingerprint, job, sum(runs) from failed group by 1, 2, 3 order by 1, 2, 3
      on conflict (at, fingerprint, job) do update set runs = s.runs + excluded.runs
    ),
    versions as (
      insert into millrace.error_version as v (fingerprint, job, version, first_seen, last_seen, runs)
      select fingerprint, job, version, min(at), max(at), sum(runs) from failed group by 1, 2, 3 order by 1, 2, 3
      on conflict (fingerprint, job, version) do update set last_seen = greatest(v.last_seen, excluded.last_seen), runs = v.runs + excluded.runs
    )
    select (select count(*) from taken)::int as taken`,
);

const prune = (table: string, age: string) =>
  statement<[limit: number], { pruned: number }>(
    `prune_${table}`,
    `with gone as (
        delete from millrace.${table} where ctid = any (array(
          select ctid from millrace.${table} where ${age} limit $1))
        returning 1
      )
      select count(*)::int as pruned from gone`,
  );

/** Each forgets, some at a time, what is older than any screen shows, and any rule looks at. */
export const pruneMinutes = prune("end_minute", "at < clock_timestamp() - interval '26 hours'");
export const pruneHours = prune("end_hour", "at < clock_timestamp() - interval '32 days'");
export const pruneCalls = prune("call_minute", "at < clock_timestamp() - interval '2 hours'");
export const pruneStanding = prune(
  "standing_minute",
  "at < clock_timestamp() - interval '2 hours'",
);
export const pruneSamples = prune(
  "queue_sample",
  "minute < clock_timestamp() - interval '2 hours'",
);
export const pruneSlots = prune("error_slot", "at < clock_timestamp() - interval '8 days'");

/** The same of groups of errors that did not come for a quarter of a year. */
export const pruneErrorGroups = statement<[limit: number], { pruned: number }>(
  "prune_error_groups",
  `with gone as (
      delete from millrace.error_group where ctid = any (array(
        select ctid from millrace.error_group where last_seen < clock_timestamp() - interval '90 days' limit $1))
      returning fingerprint, job
    ),
    versions as (
      delete from millrace.error_version v using gone g where v.fingerprint = g.fingerprint and v.job = g.job
    )
    select count(*)::int as pruned from gone`,
);

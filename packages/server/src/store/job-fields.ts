import type { Projects } from "@millrace/core";
import { jobWithin } from "./scope.ts";
import { like } from "./search.ts";
import { statement } from "./statement.ts";

/** Writes which fields jobs declare: of these jobs no others. Parameters: a JSON list of jobs and paths; all jobs that say so. */
export const keepFields = statement<[fields: string, jobs: string[]], never>(
  "keep_fields",
  `with given as (select job, path from jsonb_to_recordset($1::jsonb) as g(job text, path text)),
    gone as (
      delete from millrace.job_field f
      where f.job = any ($2) and not exists (select from given g where g.job = f.job and g.path = f.path)
    )
    insert into millrace.job_field (job, path) select job, path from given order by job, path on conflict do nothing`,
);

/** Finds out from when on the index of fields is complete, where that can be told by now; in no transaction that declares them. */
export const proveFields = statement<[], { unproven: number }>(
  "prove_fields",
  `select millrace.prove_fields() as unproven`,
);

export interface FieldReachRow {
  /** As it was asked. */
  path: string;
  /** From which run on all jobs that the query can match have it in the index; null where one of them never had. */
  reach: string | null;
  /** Jobs that have it in the index by now, as many as are told. */
  jobs: string[];
  /** How many runs the index gives for it in the range, counted up to the limit. */
  marks: number;
}

/**
 * How far the index of fields reaches for a search. Parameters: id to start below; the least id; up to how many marks are counted; how many jobs are told; of which
 * projects, null for all; what is looked for, `Sought` as JSON; and the fields, a JSON list of `{path, texts}`.
 */
export const readFieldReach = statement<
  [
    below: string,
    least: string,
    most: number,
    jobs: number,
    projects: Projects,
    sought: string,
    fields: string,
  ],
  FieldReachRow
>(
  "read_field_reach",
  `with asked as materialized (
      select path, texts from jsonb_to_recordset($7::jsonb) as a(path text, texts text[])
    ),
    meant as materialized (
      select j.name from millrace.job j cross join jsonb_to_record($6::jsonb) as f(jobs text[], not_jobs text[])
      where ${like("j.name", "jobs")} and ${jobWithin("j.name", "$5")}
    )
    select a.path, d.reach, d.jobs, m.marks
    from asked a
    cross join lateral (
      select case when bool_and(f.since is not null) then millrace.uuid_floor(max(f.since)) end as reach,
        coalesce((array_agg(j.name order by j.name) filter (where f.since is not null))[1:$4::int], '{}') as jobs
      from meant j left join millrace.job_field f on f.job = j.name and f.path = a.path
    ) d
    cross join lateral (
      select count(*)::int as marks from (
        select from unnest(a.texts) v
        cross join lateral (
          select from millrace.run_field
          where mark = millrace.field_mark(a.path, v) and run_id < $1::uuid and run_id >= greatest($2::uuid, d.reach)
          limit $3
        ) one
        where d.reach is not null
        limit $3
      ) counted
    ) m`,
);

import { pruneGone } from "./prune-gone.ts";
import { statement } from "./statement.ts";

/** The key of the hashes of names; no row before the first subject. */
export const readNameKey = statement<[], { wrapped_key: Buffer }>(
  "read_subject_name_key",
  `select wrapped_key from millrace.subject_name_key`,
);

/** The first counts, whoever comes at the same time. */
export const putNameKey = statement<[wrappedKey: Buffer], never>(
  "put_subject_name_key",
  `insert into millrace.subject_name_key (wrapped_key) values ($1) on conflict do nothing`,
);

export const rewrapNameKey = statement<[wrappedKey: Buffer], never>(
  "rewrap_subject_name_key",
  `update millrace.subject_name_key set wrapped_key = $1`,
);

/** All jobs that have a subject, and where its name lies; null for those that had one once. */
export const readSubjectJobs = statement<[], { job: string; path: string[] | null }>(
  "read_subject_jobs",
  `select job, path from millrace.subject_job`,
);

/** Jobs as their code defines them now. Parameters: a JSON list of job and path; jobs without. */
export const keepSubjectJobs = statement<[jobs: string, without: string[]], never>(
  "keep_subject_jobs",
  `with declared as (
      insert into millrace.subject_job as s (job, path)
      select job, path from jsonb_to_recordset($1::jsonb) given(job text, path jsonb) order by job
      on conflict (job) do update set path = excluded.path where s.path is distinct from excluded.path
    )
    update millrace.subject_job set path = null where job = any ($2::text[]) and path is not null`,
);

/** Schedules of jobs, whose inputs are in clear. */
export const schedulesOfJobs = statement<[jobs: string[]], { name: string; job: string }>(
  "schedules_of_jobs",
  `select name, job from millrace.schedule where job = any ($1::text[]) order by name limit 10`,
);

export interface SubjectRow {
  id: string;
  /** Null of one that was erased. */
  wrapped_key: Buffer | null;
}

export const findSubjects = statement<[hashes: Buffer[]], SubjectRow & { name_hash: Buffer }>(
  "find_subjects",
  `select id, name_hash, wrapped_key from millrace.subject where name_hash = any ($1::bytea[])`,
);

/** Those that somebody makes at the same time are left as they are: whoever makes some looks afterwards. In one order for everybody. */
export const makeSubjects = statement<
  [ids: string[], hashes: Buffer[], wrappedKeys: Buffer[]],
  never
>(
  "make_subjects",
  `insert into millrace.subject (id, name_hash, wrapped_key)
   select * from unnest($1::uuid[], $2::bytea[], $3::bytea[]) m (id, name_hash, wrapped_key) order by name_hash
   on conflict (name_hash) do nothing`,
);

export const readSubjects = statement<[ids: string[]], SubjectRow>(
  "read_subjects",
  `select id, wrapped_key from millrace.subject where id = any ($1::uuid[])`,
);

export const subjectOfRun = statement<[run: string], { subject_id: string }>(
  "subject_of_run",
  `select subject_id from millrace.run_subject where run_id = $1`,
);

/** Whom a run is about, for people. */
export const readRunSubject = statement<[run: string], { id: string; erased_at: Date | null }>(
  "read_run_subject",
  `select s.id, s.erased_at from millrace.run_subject r join millrace.subject s on s.id = r.subject_id where r.run_id = $1`,
);

export interface StandingSubjectRow {
  id: string;
  erased_at: Date | null;
}

/** Waits for runs of it that are being accepted. */
export const lockSubject = statement<[hash: Buffer], StandingSubjectRow>(
  "lock_subject",
  `select id, erased_at from millrace.subject where name_hash = $1 for no key update`,
);

export const readSubject = statement<[hash: Buffer], StandingSubjectRow>(
  "read_subject",
  `select id, erased_at from millrace.subject where name_hash = $1`,
);

/** Destroys the key: there is no other copy. */
export const destroySubjectKey = statement<[id: string, by: string], { erased_at: Date }>(
  "destroy_subject_key",
  `update millrace.subject set wrapped_key = null, erased_at = clock_timestamp(), erased_by = $2, ending = true
   where id = $1 and erased_at is null returning erased_at`,
);

/** Sets the name of one that is erased free. */
export const setNameFree = statement<[id: string], never>(
  "set_subject_name_free",
  `update millrace.subject set name_hash = null where id = $1 and erased_at is not null`,
);

/** How many runs are about somebody, by its own index. */
export const countSubjectRuns = statement<[id: string], { runs: number; open: number }>(
  "count_subject_runs",
  `select count(*)::int as runs, (count(*) filter (where r.open))::int as open
   from millrace.run_subject s
   cross join lateral (select state is null as open from millrace.run where id = s.run_id limit 1) r
   where s.subject_id = $1`,
);

/**
 * The next runs of somebody that are open, in the order of their ids. It looks at so many at the most, and says where to look on. Those that were
 * cancelled by force already end when their workers let go.
 */
export const openSubjectRuns = statement<
  [id: string, after: string, window: number],
  { open: string[] | null; last: string | null }
>(
  "open_subject_runs",
  `with seen as materialized (
      select run_id from millrace.run_subject where subject_id = $1 and run_id > $2 order by run_id limit $3
    )
    select array_agg(s.run_id order by s.run_id) filter (where r.open and c.forced is not true) as open,
      case when count(*) = $3 then (array_agg(s.run_id order by s.run_id desc))[1] end as last
    from seen s left join lateral (select state is null as open from millrace.run where id = s.run_id limit 1) r on true
     left join millrace.cancellation c on c.run_id = s.run_id`,
);

/** Waits for what is being accepted of it. */
export const lockEndingSubject = statement<[id: string], { id: string }>(
  "lock_ending_subject",
  `select id from millrace.subject where id = $1 and ending for no key update`,
);

/** Erased subjects with open runs: who erased them may have died over it. */
export const endingSubjects = statement<[limit: number], { id: string }>(
  "ending_subjects",
  `select id from millrace.subject where ending order by id limit $1`,
);

export const subjectHasEnded = statement<[id: string], never>(
  "subject_has_ended",
  `update millrace.subject set ending = false where id = $1 and ending`,
);

/** The keys of the ring that subjects are under: from one to the next in the index, however many subjects there are. */
export const subjectKeyIds = statement<[], { key_id: string }>(
  "subject_key_ids",
  `with recursive k as (
      (select key_id from millrace.subject where key_id is not null order by key_id limit 1)
      union all
      select (select s.key_id from millrace.subject s where s.key_id > k.key_id order by s.key_id limit 1)
      from k where k.key_id is not null
    )
    select key_id from k where key_id is not null union select key_id from millrace.subject_name_key`,
);

/** The next subjects that are under another key of the ring than this. What somebody erases right now is passed over. */
export const lockSubjectsUnderOtherKeys = statement<
  [keyId: string, after: string, limit: number],
  { id: string; wrapped_key: Buffer }
>(
  "lock_subjects_under_other_keys",
  `select id, wrapped_key from millrace.subject
   where key_id <> $1 and id > $2 order by id limit $3
   for no key update skip locked`,
);

export const keepRewrappedSubjects = statement<[ids: string[], wrappedKeys: Buffer[]], never>(
  "keep_rewrapped_subjects",
  `update millrace.subject s set wrapped_key = r.wrapped_key
   from unnest($1::uuid[], $2::bytea[]) r (id, wrapped_key) where s.id = r.id`,
);

/** Forgets whom runs were about that are no more. */
export const pruneRunSubjects = pruneGone("prune_run_subjects", "run_subject", "run_id");

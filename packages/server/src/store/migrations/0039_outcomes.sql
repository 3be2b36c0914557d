-- additive: how runs end by the minute and hour, groups of errors, versions of jobs, samples of what waits, and saved views.

-- Ends that are not completions, as they come: written by a trigger on run (the next migration) in the transaction of the end, taken away some at a time
-- by maintenance, which counts them. So whoever ends a run writes one row that nobody else touches, and waits for nobody.
create table millrace.uncounted_end (
  run_id uuid not null,
  job text not null,
  state millrace.run_state not null,
  at timestamptz not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
comment on table millrace.uncounted_end is 'Runs that failed or were cancelled, and are not counted yet.';

create table millrace.outcome_minute (
  at timestamptz not null,
  job text not null,
  state millrace.run_state not null,
  runs integer not null,
  primary key (at, job, state)
);
comment on table millrace.outcome_minute is 'How many runs of a job ended in a minute. Completions are told by workers every 5 s, so what one has not told when it is killed is not counted.';

create table millrace.outcome_hour (like millrace.outcome_minute including all);
comment on table millrace.outcome_hour is 'The same by the hour, for longer.';

create table millrace.standing_minute (
  at timestamptz not null,
  job text not null,
  queue text not null,
  waiting integer not null,
  running integer not null,
  oldest_seconds float8 not null,
  primary key (at, job, queue)
);
comment on table millrace.standing_minute is 'What waited and ran at the beginning of each of the last minutes; no row where nothing did.';

create table millrace.job_version (
  job text not null,
  version text not null,
  first_seen timestamptz not null default clock_timestamp(),
  primary key (job, version)
);
create index job_version_seen on millrace.job_version (first_seen);
comment on table millrace.job_version is 'When code of a job was first registered; where its author counts no versions, by the beginning of the hash of its text.';

create function millrace.note_version() returns trigger
  language plpgsql
  as $$
  begin
    insert into millrace.job_version (job, version) values (new.name, coalesce(new.version, left(new.fingerprint, 8)))
    on conflict do nothing;
    return null;
  end $$;
create trigger first_version after insert on millrace.job
  for each row when (coalesce(new.version, new.fingerprint) is not null) execute function millrace.note_version();
create trigger next_version after update of version, fingerprint on millrace.job
  for each row when (coalesce(new.version, new.fingerprint) is distinct from coalesce(old.version, old.fingerprint)
    and coalesce(new.version, new.fingerprint) is not null)
  execute function millrace.note_version();

-- ---------------------------------------------------------------------------------------------------------------------
-- Failed runs by their fingerprint. A row is of one job, so that a group shows to who is confined what is of their jobs alone.

create table millrace.error_group (
  fingerprint text not null,
  job text not null,
  error_class text not null,
  first_seen timestamptz not null,
  last_seen timestamptz not null,
  runs bigint not null,
  last_run uuid not null,
  snoozed_until timestamptz,
  assigned_to text,
  fixed_at timestamptz,
  fixed_by text,
  fixed_version text,
  reopened_at timestamptz,
  note text,
  primary key (fingerprint, job)
);
create index error_group_seen on millrace.error_group (last_seen);
comment on column millrace.error_group.fixed_version is 'From which version of the job on it should not come any more; null for at once.';
comment on column millrace.error_group.reopened_at is 'When it came again though it was said to be fixed.';

create table millrace.error_slot (
  at timestamptz not null,
  fingerprint text not null,
  job text not null,
  runs integer not null,
  primary key (at, fingerprint, job)
);
create index error_slot_group on millrace.error_slot (fingerprint, at);
comment on table millrace.error_slot is 'How many runs failed so in five minutes.';

create table millrace.error_version (
  fingerprint text not null,
  job text not null,
  version text not null,
  first_seen timestamptz not null,
  last_seen timestamptz not null,
  runs bigint not null,
  primary key (fingerprint, job, version)
);
comment on column millrace.error_version.version is 'Of the code that failed; empty where its author counts none.';

-- What failed before is counted once, without what nobody knows of it any more.
insert into millrace.error_group (fingerprint, job, error_class, first_seen, last_seen, runs, last_run)
select fingerprint, job, (array_agg(error_class order by run_id desc))[1], min(failed_at), max(failed_at), count(*), (array_agg(run_id order by run_id desc))[1]
from (select * from millrace.dead_letter where handled_at is null order by run_id desc limit 200000) d
where fingerprint is not null group by fingerprint, job;

-- ---------------------------------------------------------------------------------------------------------------------

create table millrace.saved_view (
  slug text primary key constraint saved_view_slug check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and length(slug) <= 60),
  title text not null,
  query text not null,
  columns text[] not null default '{}',
  shared boolean not null default false,
  owner text not null,
  -- Those to which its owner was confined; null for the whole installation.
  projects text[],
  created_at timestamptz not null default clock_timestamp(),
  changed_at timestamptz not null default clock_timestamp()
);
create index saved_view_owner on millrace.saved_view (owner);

-- additive: schedules, the ledger of their occurrences, and what a run knows of its own.

create type millrace.occurrence_outcome as enum ('planned', 'fired', 'skipped', 'merged', 'caught up');

create table millrace.schedule (
  name text primary key check (millrace.is_name(name)),
  job text not null references millrace.job,
  rule jsonb not null check (jsonb_typeof(rule) = 'object'),
  policy jsonb not null constraint schedule_policy check (
    policy ->> 'overlap' in ('skip', 'queue-one', 'queue-all', 'cancel-running', 'allow')
    and policy ->> 'missed' in ('skip', 'last', 'all')
    and (policy ->> 'missedLimit')::integer between 1 and 1000
    and (policy ->> 'graceMs')::bigint >= 1000),
  input jsonb not null constraint schedule_input_up_to_2_mb check (pg_column_size(input) <= 2 * 1024 * 1024),
  defined jsonb,
  changed_by text,
  created_by text not null,
  created_at timestamptz not null default clock_timestamp(),
  changed_at timestamptz not null default clock_timestamp(),
  paused_at timestamptz,
  paused_by text,
  pause_reason text,
  paused_until timestamptz,
  next_nominal timestamptz,
  next_at timestamptz,
  problem text,
  waiting integer not null default 0
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
create index schedule_due on millrace.schedule (next_at) where next_at is not null;
create index schedule_waiting on millrace.schedule (name) where waiting > 0;
create index schedule_job on millrace.schedule (job);
comment on table millrace.schedule is 'Stored rules. Whoever fires, changes or removes one holds its row locked, and so nothing of it happens twice.';
comment on column millrace.schedule.defined is 'What code says of it ({job, rule, policy, input}); null for one that no code defines.';
comment on column millrace.schedule.changed_by is 'Who has changed it; null while the code''s definition holds.';
comment on column millrace.schedule.next_nominal is 'The instant that the rule names; null when it has not been planned yet, from next_at on, or is over.';
comment on column millrace.schedule.next_at is 'When a scheduler has to look at it: when it fires (with jitter), or at once for one that is to be planned.';
comment on column millrace.schedule.paused_until is 'Kept after it has resumed: what was due within the pause is skipped, also when nobody looked meanwhile.';
comment on column millrace.schedule.problem is 'Why it cannot be planned: its rule came in by SQL, and is wrong.';
comment on column millrace.schedule.waiting is 'Occurrences that wait until a run of it has ended.';

create table millrace.occurrence (
  schedule text,
  nominal timestamptz,
  at timestamptz not null,
  outcome millrace.occurrence_outcome not null,
  reason text,
  run_id uuid,
  decided_at timestamptz not null default clock_timestamp(),
  dst text,
  missed boolean not null default false,
  open boolean not null default false,
  start_by timestamptz,
  alert text,
  alerted_at timestamptz,
  operation_id bigint,
  primary key (schedule, nominal)
) with (fillfactor = 80);
create index occurrence_open on millrace.occurrence (schedule) where open;
create index occurrence_watched on millrace.occurrence (start_by) where start_by is not null;
create index occurrence_waiting on millrace.occurrence (schedule, nominal) where outcome = 'planned' and operation_id is null;
create index occurrence_backfill on millrace.occurrence (operation_id, nominal) where operation_id is not null;
create index occurrence_age on millrace.occurrence (nominal);
comment on table millrace.occurrence is 'Each planned instant of a schedule, once, with what became of it and why. It stays when its schedule is removed, so that one of the same name fires no instant again.';
comment on column millrace.occurrence.at is 'When it was to fire: nominal plus jitter.';
comment on column millrace.occurrence.open is 'Its run may be open, and its schedule asks.';
comment on column millrace.occurrence.start_by is 'Until when its run has to start; null when that is known.';
comment on column millrace.occurrence.operation_id is 'The backfill that planned it.';

-- ---------------------------------------------------------------------------------------------------------------------
-- By SQL. Whether the rule can be read is seen by a scheduler, within a second: schedule.problem.

create function millrace.create_schedule(
    name text, job text, cron text default null, every interval default null, at timestamptz default null, calendar jsonb default null,
    time_zone text default 'UTC', input jsonb default '{}', overlap text default 'skip', missed text default 'last',
    missed_limit integer default 100, grace interval default '1 minute', starts timestamptz default null, ends timestamptz default null,
    jitter interval default null, blackouts jsonb default null)
  returns void
  language plpgsql
  as $$
  declare
    instant constant text := 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"';
  begin
    if num_nonnulls(cron, every, at, calendar) <> 1 then
      raise exception 'give exactly one of cron, every, at and calendar' using errcode = 'ML030';
    end if;
    if not exists (select from millrace.job j where j.name = create_schedule.job) then
      raise exception 'no job named % is registered', quote_literal(job) using errcode = 'ML001';
    end if;
    insert into millrace.schedule (name, job, rule, policy, input, created_by, next_at)
    values (create_schedule.name, create_schedule.job,
      jsonb_strip_nulls(jsonb_build_object('cron', cron, 'everyMs', extract(epoch from every) * 1000, 'at', to_char(at at time zone 'UTC', instant),
        'calendar', calendar, 'timeZone', time_zone, 'start', to_char(starts at time zone 'UTC', instant),
        'end', to_char(ends at time zone 'UTC', instant), 'jitterMs', extract(epoch from jitter) * 1000, 'blackouts', blackouts)),
      jsonb_build_object('overlap', overlap, 'missed', missed, 'missedLimit', missed_limit, 'graceMs', floor(extract(epoch from grace) * 1000)),
      coalesce(create_schedule.input, '{}'), session_user, clock_timestamp());
  end $$;
comment on function millrace.create_schedule is 'Creates a schedule inside the caller''s transaction; docs/schedules.md has the rules and the policies.';

create function millrace.pause_schedule(name text, until timestamptz default null, reason text default null) returns boolean
  language sql
  as $$
    with paused as (
      update millrace.schedule s
      set paused_at = case when s.paused_at is not null and (s.paused_until is null or s.paused_until > clock_timestamp())
          then s.paused_at else clock_timestamp() end,
        paused_by = session_user, pause_reason = reason, paused_until = until
      where s.name = pause_schedule.name returning 1
    )
    select exists (select from paused)
  $$;
comment on function millrace.pause_schedule is 'What is due is skipped, with the reason, until then or until it is resumed. Answers whether there is such a schedule.';

create function millrace.resume_schedule(name text) returns boolean
  language sql
  as $$
    with resumed as (
      update millrace.schedule s set paused_until = least(s.paused_until, clock_timestamp())
      where s.name = resume_schedule.name returning 1
    )
    select exists (select from resumed)
  $$;
comment on function millrace.resume_schedule is 'Ends a pause. Answers whether there is such a schedule.';

create function millrace.remove_schedule(name text) returns boolean
  language sql
  as $$
    with removed as (
      delete from millrace.schedule s where s.name = remove_schedule.name returning s.name
    ),
    dropped as (
      update millrace.occurrence o set outcome = 'skipped', reason = 'the schedule was removed', start_by = null
      from removed r where o.schedule = r.name and o.outcome = 'planned'
    )
    select exists (select from removed)
  $$;
comment on function millrace.remove_schedule is 'Removes a schedule; its ledger and its runs stay. Answers whether there was one. One that code defines comes back when a server starts.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Backfills are operations whose members are occurrences. `next_at` stays far away, so that servers of the version before,
-- which do not know the kind, leave them alone.

alter type millrace.operation_kind add value 'backfill';
alter table millrace.operation add column backfill_at timestamptz;
create index operation_backfill_due on millrace.operation (backfill_at) where state = 'running' and backfill_at is not null;

-- ---------------------------------------------------------------------------------------------------------------------
-- What a run knows of its schedule. Set right after it was accepted, in the same transaction; a rerun is for the same instant.

alter table millrace.run add column schedule text, add column scheduled_for timestamptz;
comment on column millrace.run.scheduled_for is 'The nominal time of the occurrence that it was made for.';

create function millrace.copy_schedule() returns trigger
  language plpgsql
  as $$
  begin
    select r.schedule, r.scheduled_for into new.schedule, new.scheduled_for from millrace.run r where r.id = new.rerun_of;
    return new;
  end $$;

create trigger scheduled_rerun before insert on millrace.run
  for each row when (new.rerun_of is not null) execute function millrace.copy_schedule();

-- As before, and one more column: when the run was to start, if a schedule made it.
create or replace function millrace.open_gated_lease(worker integer, job text, key text, queue text, batch boolean, taken uuid[], at timestamptz)
  returns table (lease_id bigint, runs text)
  language sql
  as $$
    with opened as materialized (
      select r.id, u.ord, '["' || r.id || '","' || r.job || '",' || r.attempts || ',' || r.failures || ',"' || r.trigger
        || '",' || coalesce(to_json(r.correlation_id)::text, 'null') || ',' || r.input || ',null,' || r.losses || ','
        || json_build_array(open_gated_lease.key, open_gated_lease.queue, open_gated_lease.batch)::text
        || coalesce(',' || floor(extract(epoch from r.scheduled_for) * 1000)::bigint, '') || ']' as columns
      from unnest(taken) with ordinality u(id, ord) join millrace.run r on r.id = u.id
      where r.state is null and (r.expires_at is null or r.attempts > 0 or r.expires_at > at)
    ),
    held as (
      insert into millrace.lease (worker_id, run_ids, job, key, queue, batch)
      select worker, array_agg(id order by ord), open_gated_lease.job, open_gated_lease.key, open_gated_lease.queue, open_gated_lease.batch
      from opened having count(*) > 0
      returning id
    )
    select h.id, '[' || (select string_agg(o.columns, ',' order by o.ord) from opened o) || ']' from held h
  $$;

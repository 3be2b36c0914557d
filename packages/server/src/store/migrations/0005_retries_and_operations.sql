-- additive
-- Retry budgets; fingerprints of dead letters; operations, which work on many dead letters at once.

-- ---------------------------------------------------------------------------------------------------------------------
-- Retry budgets: how many retries of one job may start in a window of time, over all workers.

create table millrace.retry_budget (
  job text primary key,
  budget integer not null,
  per_ms double precision not null,
  full_from timestamptz,
  full_until timestamptz
) with (fillfactor = 50);
comment on table millrace.retry_budget is
  'One row a job with a budget; whoever reserves locks it. Between full_from and full_until every window is full, so nobody looks there.';

create table millrace.retry_window (
  job text,
  starts_at timestamptz,
  taken integer not null,
  primary key (job, starts_at)
) with (fillfactor = 70);
comment on table millrace.retry_window is 'How many retries are due in each window that has any and is not over.';

create function millrace.keep_window(of_job text, slot timestamptz, used integer) returns void
  language sql
  as $$
    insert into millrace.retry_window (job, starts_at, taken) select of_job, slot, used where slot is not null
    on conflict (job, starts_at) do update set taken = excluded.taken
  $$;

-- Fixed windows, counted: a retry is reserved for an instant ahead, and later ones may want an earlier instant. A bucket
-- (GCRA, ITU-T I.371) knows one instant only, and would hold a retry of a second up behind one of an hour.
create function millrace.reserve_retries(of_job text, of_budget integer, of_per_ms double precision, wanted timestamptz[])
  returns timestamptz[]
  language plpgsql
  as $$
  declare
    per interval := of_per_ms * interval '1 millisecond';
    known record;
    answer timestamptz[] := '{}';
    due timestamptz;
    -- The window that is being filled, how many it has, and from where we walked to it.
    slot timestamptz;
    used integer := of_budget;
    walked_from timestamptz;
  begin
    insert into millrace.retry_budget (job, budget, per_ms) values (of_job, of_budget, of_per_ms) on conflict do nothing;
    select * into known from millrace.retry_budget where job = of_job for update;
    if (known.budget, known.per_ms) is distinct from (of_budget, of_per_ms) then
      known.full_from := null;
      known.full_until := null;
    end if;
    delete from millrace.retry_window where job = of_job and starts_at < clock_timestamp() - per;

    foreach due in array wanted loop
      if slot is null or date_bin(per, due, 'epoch') > slot then
        perform millrace.keep_window(of_job, slot, used);
        slot := date_bin(per, due, 'epoch');
        walked_from := slot;
        used := null;
      end if;
      while used is null or used >= of_budget loop
        if used is not null then
          perform millrace.keep_window(of_job, slot, used);
          slot := slot + per;
        end if;
        if slot >= known.full_from and slot < known.full_until then
          slot := known.full_until;
        end if;
        used := coalesce((select taken from millrace.retry_window where job = of_job and starts_at = slot), 0);
      end loop;
      used := used + 1;
      -- What was walked over is full: remembered, when it touches what is remembered, or that is over.
      if slot > walked_from then
        if walked_from <= known.full_until and slot >= known.full_from then
          known.full_from := least(known.full_from, walked_from);
          known.full_until := greatest(known.full_until, slot);
        elsif known.full_until is null or known.full_until <= clock_timestamp() then
          known.full_from := walked_from;
          known.full_until := slot;
        end if;
      end if;
      -- Put off: spread evenly over its window.
      answer := answer || case when slot > due then slot + per * ((used - 1)::float8 / of_budget) else due end;
    end loop;
    perform millrace.keep_window(of_job, slot, used);

    update millrace.retry_budget set budget = of_budget, per_ms = of_per_ms, full_from = known.full_from,
      full_until = known.full_until
    where job = of_job;
    return answer;
  end $$;
comment on function millrace.reserve_retries is
  'For retries of a job that want to start at these instants, in order: when they may, so that no window has more than the budget. Windows are counted from the epoch.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Dead letters.

alter table millrace.dead_letter add column fingerprint text;
comment on column millrace.dead_letter.fingerprint is
  'The same for failures that one would mend together. Null for those that an older version recorded.';
alter table millrace.dead_letter add column operation_id bigint;
comment on column millrace.dead_letter.operation_id is 'The operation that handled it, when it was not handled alone.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Operations: one thing done to many dead letters, by whichever server gets to it.

create type millrace.operation_kind as enum ('rerun', 'dismiss');
create type millrace.operation_state as enum ('running', 'paused', 'completed', 'stopped', 'cancelled');
create type millrace.member_outcome as enum ('done', 'skipped', 'refused');

create table millrace.operation (
  id bigint generated always as identity primary key,
  kind millrace.operation_kind not null,
  state millrace.operation_state not null default 'running',
  filter jsonb not null,
  patch jsonb,
  rate double precision,
  canary boolean not null,
  note text,
  created_by text not null,
  created_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  reason text,
  next_at timestamptz not null default clock_timestamp(),
  stage smallint not null default 0,
  watched integer not null default 0,
  total integer not null default 0,
  handled integer not null default 0,
  done integer not null default 0,
  skipped integer not null default 0,
  refused integer not null default 0,
  completed integer not null default 0,
  failed integer not null default 0,
  cancelled integer not null default 0
) with (fillfactor = 50);
create index operation_due on millrace.operation (next_at) where state = 'running';
comment on column millrace.operation.rate is 'How many a second at the most; null for as fast as it goes.';
comment on column millrace.operation.handled is 'Members up to this place are handled; they are handled in order.';
comment on column millrace.operation.completed is 'Of its reruns, those that have completed; so with failed and cancelled.';
comment on column millrace.operation.watched is 'The place up to which this round has looked how reruns ended.';

create table millrace.operation_member (
  operation_id bigint,
  place integer,
  run_id uuid not null,
  outcome millrace.member_outcome,
  at timestamptz,
  rerun_id uuid,
  ended millrace.run_state,
  detail text,
  primary key (operation_id, place)
) with (fillfactor = 70);
create index operation_member_open on millrace.operation_member (operation_id, place)
  where rerun_id is not null and ended is null;
comment on table millrace.operation_member is 'The dead letters that an operation is about, fixed when it begins: a rerun that fails again does not join it.';
comment on column millrace.operation_member.outcome is 'skipped: somebody else had handled it. refused: its rerun was not accepted, and why is the detail.';
comment on column millrace.operation_member.ended is 'How its rerun ended.';

-- ---------------------------------------------------------------------------------------------------------------------
-- A job that nobody has registered, asked for in a queue that exists: it was refused without saying why.

create or replace function millrace.refuse_enqueue(items jsonb, first integer default 0) returns void
  language plpgsql
  as $$
  declare
    bad record;
  begin
    select i.value ->> 'job' as job, i.value ->> 'queue' as queue, j.name is null as job_unknown,
      i.ord - 1 + first as ord into bad
    from jsonb_array_elements(items) with ordinality i(value, ord)
    left join millrace.job j on j.name = i.value ->> 'job'
    left join millrace.queue q on q.name = coalesce(i.value ->> 'queue', j.queue)
    where j.name is null or q.name is null
    order by i.ord limit 1;
    if bad.job_unknown then
      raise exception 'no job named % is registered', coalesce(quote_literal(bad.job), 'null')
        using errcode = 'ML001', detail = bad.ord::text,
          hint = 'A server registers its jobs when it starts; see millrace.job.';
    end if;
    raise exception 'no queue named % exists', quote_literal(bad.queue)
      using errcode = 'ML002', detail = bad.ord::text,
        hint = 'Queues come from jobs and from the --queues of workers; see millrace.queue.';
  end $$;

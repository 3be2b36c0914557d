-- additive
-- Durable steps: checkpoints, and runs that sleep between two of them. Processes of the version before go on beside it: their
-- dispatchers wake what sleeps, and their workers know no `ctx.step`.

create table millrace.step (
  run_id uuid not null,
  name text not null,
  ordinal integer not null,
  kind text not null constraint step_kind_known check (kind in ('step', 'sleep')),
  attempt smallint not null,
  started_at timestamptz not null,
  finished_at timestamptz not null,
  value jsonb,
  primary key (run_id, name, ordinal)
) partition by range (run_id);
comment on table millrace.step is 'Checkpoints: what a step of a run gave is recorded once, through the lease of the attempt that made it, and never changed.';
comment on column millrace.step.ordinal is 'The n-th use of the name in the run, from 1.';
comment on column millrace.step.finished_at is 'Of a sleep: when it is over.';
comment on column millrace.step.value is 'What the step gave. What JSON has no form for is {"$": [kind, ...]}. Null for a sleep.';

create table millrace.step_default partition of millrace.step default;

comment on column millrace.timer.reason is
  'delay: asked for by the caller. debounce: more calls may come. retry, retry budget: after a failed attempt. sleep: a step sleeps.';

create or replace function millrace.state_of(run uuid, final millrace.run_state) returns millrace.run_state
  language sql stable
  as $$
    select coalesce(final,
      (select case t.reason when 'sleep' then 'waiting' else 'scheduled' end::millrace.run_state
       from millrace.timer t where t.run_id = run),
      case when exists (select from millrace.lease l where l.run_ids @> array[run]) then 'running' else 'queued' end
        ::millrace.run_state)
  $$;

create or replace function millrace.ensure_partitions(from_day date, days integer, span integer, of_parent text default null) returns integer
  language plpgsql
  -- Whoever waits for the lock holds up everybody behind him: rather try again later.
  set lock_timeout = '100ms'
  as $$
  declare
    parent record;
    day date;
    until_day date;
    there record;
    made integer := 0;
  begin
    for parent in
      select * from (values ('run', 45), ('attempt', 100), ('event', 100), ('log', 100), ('step', 100), ('progress', 70)) p(name, fill)
      where of_parent is null or p.name = of_parent
    loop
      day := from_day;
      while day < from_day + days loop
        select (p.from_at at time zone 'UTC')::date as from_day, (p.to_at at time zone 'UTC')::date as to_day into there
        from millrace.partition p
        where p.parent = parent.name and (p.to_at at time zone 'UTC')::date > day order by p.from_at limit 1;
        if there.from_day <= day then
          day := there.to_day;
          continue;
        end if;
        -- To the end of its span, counted from a Monday; or to where the next one begins.
        until_day := least(day + span - mod(day - date '1970-01-05', span), there.from_day);
        begin
          perform millrace.make_partition(parent.name, day, until_day, parent.fill);
          made := made + 1;
          day := until_day;
        exception when check_violation then
          -- Too many rows for a move are in the default partition; it keeps the day.
          day := day + 1;
        end;
      end loop;
    end loop;
    return made;
  end $$;

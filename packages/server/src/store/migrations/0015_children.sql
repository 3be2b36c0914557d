-- Runs that the steps of other runs start and wait for. The parent learns of their ends by a queue, which a trigger fills: whatever
-- ends a run need not know of parents. Not additive: a worker of the version before would take a child's failure for its result.

alter table millrace.step
  add column failed boolean not null default false,
  drop constraint step_kind_known,
  add constraint step_kind_known
    check (kind in ('step', 'sleep', 'event', 'call', 'fan-out', 'effect', 'transaction', 'approval'));
comment on column millrace.step.failed is 'The value is not what the step gave, but what it has thrown, and the handler went on all the same; of a call or a fan-out, why the children gave nothing.';

alter table millrace.waiter
  add column failed boolean not null default false,
  add column job text,
  add column options jsonb,
  add column collect boolean,
  add column at_once integer,
  add column total integer,
  add column started integer,
  add column ended integer,
  add column bytes bigint,
  drop constraint waiter_kind_known,
  add constraint waiter_kind_known
    check (kind in ('step', 'sleep', 'event', 'call', 'fan-out', 'effect', 'transaction', 'approval')),
  add constraint waiter_children_whole check ((kind in ('call', 'fan-out')) = (job is not null)
    and (job is null) = (num_nulls(options, collect, at_once, total, started, ended, bytes) > 0));
comment on column millrace.waiter.failed is 'As that of step.';
comment on column millrace.waiter.options is 'What millrace.enqueue_many is told of each child of the job: queue, priority, ttl_ms, delay_ms.';
comment on column millrace.waiter.collect is 'Whether a child that does not complete is a result like any other, instead of the end of them all.';
comment on column millrace.waiter.at_once is 'So many children are open at the same time.';
comment on column millrace.waiter.started is 'Children that are runs, the first by number; of those, ended were counted.';
comment on column millrace.waiter.bytes is 'What they gave, as text.';

create table millrace.child (
  parent uuid not null,
  name text not null,
  ordinal integer not null,
  number integer not null,
  run_id uuid,
  input jsonb,
  state millrace.run_state,
  value jsonb,
  unwanted boolean not null default false,
  primary key (parent, name, ordinal, number)
);
create index child_run on millrace.child (run_id) where run_id is not null;
create index child_listed on millrace.child (parent, run_id) where run_id is not null;
create index child_open on millrace.child (parent) where state is null and not unwanted;
comment on table millrace.child is 'The children of a run, by its steps (name, ordinal) and in the order of their inputs, as long as the run is kept.';
comment on column millrace.child.run_id is 'Null until it is its turn; input is kept until then.';
comment on column millrace.child.state is 'How it ended, once that was counted; value is its output, or why there is none. Kept here because the run may be pruned before its parent has all.';
comment on column millrace.child.unwanted is 'It was cancelled, or asked to stop, because nobody waits for it any more.';

create table millrace.child_end (
  run_id uuid primary key
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
comment on table millrace.child_end is 'Children that have ended, and whose parents have not been told.';

create table millrace.orphaning (
  id bigint generated always as identity primary key,
  parent uuid not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
comment on table millrace.orphaning is
  'Runs some of whose children may be open though nobody waits for them: they have ended, or wait no more. Numbered, so that one that comes while another is worked off is not lost with it.';

-- Makes runs of the next children of waits, up to a number of each. Whoever calls this holds the waits. Answers the queues that have
-- got something.
create function millrace.start_children(parents uuid[], names text[], ordinals integer[], up_to integer[]) returns text[]
  language plpgsql
  as $$
  #variable_conflict use_column
  declare
    part constant integer := 4000;
    made integer := part;
    rung text[];
    queues text[] := '{}';
  begin
    while made = part loop
      with turn as materialized (
        select c.parent, c.name, c.ordinal, c.number, row_number() over (order by s.place, c.number) as place,
          jsonb_build_object('job', w.job, 'trigger', 'parent', 'input', c.input, 'correlation_id', r.correlation_id) || w.options as item
        from unnest(parents, names, ordinals, up_to) with ordinality s(parent, name, ordinal, up_to, place)
        -- One by one, as everywhere here: a join may be planned to read all there is, and from the first child on each time.
        cross join lateral (
          select job, options, started from millrace.waiter where run_id = s.parent and name = s.name and ordinal = s.ordinal limit 1
        ) w
        cross join lateral (select correlation_id from millrace.run where id = s.parent limit 1) r
        cross join lateral (
          select * from millrace.child
          where parent = s.parent and name = s.name and ordinal = s.ordinal and number >= w.started and number < s.up_to
          order by number limit part
        ) c
        order by s.place, c.number limit part
      ),
      run as materialized (
        select e.* from (select jsonb_agg(item order by place) as items from turn having count(*) > 0) t
        cross join lateral millrace.enqueue_many(t.items) with ordinality e(run_id, created, queue, due_at, place)
      ),
      born as (
        update millrace.child c set run_id = r.run_id, input = null from run r join turn t on t.place = r.place
        where c.parent = any (array[t.parent]) and c.name = any (array[t.name]) and c.ordinal = any (array[t.ordinal])
          and c.number = any (array[t.number])
      ),
      noted as (
        update millrace.waiter w set started = w.started + t.children
        from (select parent, name, ordinal, count(*)::integer as children from turn group by parent, name, ordinal) t
        where w.run_id = t.parent and w.name = t.name and w.ordinal = t.ordinal
      )
      select count(*), coalesce(array_agg(distinct queue) filter (where due_at is null or due_at <= clock_timestamp()), '{}')
      into made, rung from run;
      queues := queues || rung;
    end loop;
    return queues;
  end $$;

-- Notes waits for children and makes the first of those, through the leases of their parents. One that is on record stays as it was
-- asked for first, so that this may be called again. Answers a row for each item, in order; what is not held was not noted.
create function millrace.call_children(worker integer, items jsonb)
  returns table (held boolean, rest_ms float8, due_at timestamptz, met boolean, queues text[])
  language plpgsql
  as $$
  #variable_conflict use_column
  declare
    mine integer[];
    noted record;
    rung text[] := '{}';
  begin
    -- Until this commits, so that whoever claims a run next finds what is noted, and whoever ends it finds its children.
    perform from millrace.lease l
    where l.id in (select (i ->> 'lease')::bigint from jsonb_array_elements(items) i) and l.worker_id = call_children.worker
    order by l.id for share;
    select coalesce(array_agg(i.place), '{}') into mine
    from jsonb_array_elements(items) with ordinality i(item, place)
    join millrace.lease l on l.id = (i.item ->> 'lease')::bigint and l.worker_id = call_children.worker
      and l.run_ids @> array[(i.item ->> 'run')::uuid];
    -- Marked, so that its end is told of. A transaction of the handler's own may hold the row: then its end is found by who looks for
    -- waits that are left.
    update millrace.run r set parent = true
    where r.state is null and r.id = any (array(
      select r.id from millrace.run r
      where r.id = any (array(select (items -> (place - 1) ->> 'run')::uuid from unnest(mine) place)) and not r.parent
      for no key update skip locked));
    -- A cancel may have missed the lease.
    select coalesce(array_agg(place), '{}') into mine from unnest(mine) place
    cross join lateral (select state from millrace.run where id = (items -> (place - 1) ->> 'run')::uuid limit 1) r
    where r.state is null;

    with fresh as (
      insert into millrace.waiter (run_id, name, ordinal, kind, due_at, job, options, collect, at_once, total, started, ended, bytes)
      select (i ->> 'run')::uuid, i ->> 'name', (i ->> 'ordinal')::integer, i ->> 'kind',
        coalesce(clock_timestamp() + (i ->> 'forMs')::float8 * interval '1 millisecond', '9999-12-31 00:00:00Z'),
        i ->> 'job', i -> 'options', (i ->> 'collect')::boolean, (i ->> 'atOnce')::integer, jsonb_array_length(i -> 'inputs'), 0, 0, 0
      from unnest(mine) place cross join lateral (select items -> (place - 1) as i) item
      order by 1, 2, 3
      on conflict do nothing
      returning run_id, name, ordinal, least(at_once, total) as up_to
    )
    select array_agg(run_id) as runs, array_agg(name) as names, array_agg(ordinal) as ordinals, array_agg(up_to) as up_to into noted
    from fresh;
    if noted.runs is not null then
      insert into millrace.child (parent, name, ordinal, number, input)
      select f.run_id, f.name, f.ordinal, c.number - 1, c.input
      from unnest(noted.runs, noted.names, noted.ordinals) f(run_id, name, ordinal)
      join jsonb_array_elements(items) i on (i ->> 'run')::uuid = f.run_id and i ->> 'name' = f.name and (i ->> 'ordinal')::integer = f.ordinal
      cross join lateral jsonb_array_elements(i -> 'inputs') with ordinality c(input, number)
      on conflict do nothing;
      rung := millrace.start_children(noted.runs, noted.names, noted.ordinals, noted.up_to);
    end if;

    return query
    select i.place = any (mine), coalesce(greatest(0, extract(epoch from w.due_at - clock_timestamp()) * 1000), 0)::float8, w.due_at,
      w.met_at is not null, rung
    from jsonb_array_elements(items) with ordinality i(item, place)
    left join lateral (
      select due_at, met_at from millrace.waiter
      where run_id = (i.item ->> 'run')::uuid and name = i.item ->> 'name' and ordinal = (i.item ->> 'ordinal')::integer limit 1
    ) w on true
    order by i.place;
  end $$;

create function millrace.child_failure(run uuid, job text, state millrace.run_state) returns jsonb
  language sql stable
  as $$
    select jsonb_build_object('kind', $3, 'runId', $1, 'job', $2, 'errorClass', e.error_class, 'errorMessage', e.error_message)
    from (select) one
    left join lateral (
      select error_class, error_message from millrace.attempt
      where $3 = 'failed' and run_id = $1 and outcome in ('failed', 'lost') order by number desc limit 1
    ) e on true
  $$;

-- Tells parents of children that have ended: counts them, starts those whose turn it is, and gives waits that have all what they came
-- to. All waits of the parents are locked first, in the order of millrace.meet; so each child is counted once, and by one looker.
create function millrace.meet_children(most integer, out looked integer, out runs uuid[], out queues text[])
  language plpgsql
  as $$
  #variable_conflict use_column
  declare
    -- Of a run: STEP_LIMITS.runBytes in core/src/step-limits.ts.
    most_bytes constant bigint := 32 * 1024 * 1024;
    came uuid[];
    parents uuid[];
    next record;
  begin
    with taken as (
      delete from millrace.child_end
      where run_id = any (array(select run_id from millrace.child_end order by run_id limit most for update skip locked))
      returning run_id
    )
    select array_agg(run_id) into came from taken;
    looked := coalesce(cardinality(came), 0);
    runs := '{}';
    queues := '{}';
    if looked = 0 then
      return;
    end if;
    select array_agg(distinct parent) into parents from millrace.child where run_id = any (came);
    perform from millrace.waiter w where w.run_id = any (parents) order by w.run_id, w.name, w.ordinal for update;

    with told as materialized (
      select c.parent, c.name, c.ordinal, c.number, c.run_id, r.state,
        case when r.state = 'completed' then coalesce(r.output, 'null') else millrace.child_failure(r.id, r.job, r.state) end as value
      from unnest(came) e(run_id)
      cross join lateral (select * from millrace.child where run_id = e.run_id limit 1) c
      cross join lateral (select id, job, state, output from millrace.run where id = e.run_id limit 1) r
      where c.state is null
    ),
    kept as (
      update millrace.child c set state = t.state, value = t.value from told t where c.run_id = any (array[t.run_id])
    ),
    counted as materialized (
      select parent, name, ordinal, count(*)::integer as children, sum(octet_length(value::text)) as bytes,
        (array_agg(value order by number) filter (where state <> 'completed'))[1] as failure
      from told group by parent, name, ordinal
    )
    update millrace.waiter w set ended = w.ended + c.children, bytes = w.bytes + c.bytes, failed = c.result is not null, value = c.result,
      met_at = case when c.result is not null then clock_timestamp() end
    from (
      select c.*, case when c.failure is not null and not n.collect then c.failure
        when n.bytes + c.bytes > most_bytes then jsonb_build_object('kind', 'too large', 'bytes', n.bytes + c.bytes) end as result
      from counted c join millrace.waiter n on n.run_id = c.parent and n.name = c.name and n.ordinal = c.ordinal and n.met_at is null
    ) c
    where w.run_id = c.parent and w.name = c.name and w.ordinal = c.ordinal;

    -- Of these parents, which nobody else can have changed since.
    update millrace.waiter w set met_at = clock_timestamp(), value = (
        select case when w.kind = 'call' then (array_agg(c.value))[1] else jsonb_agg(case when not w.collect then c.value
            when c.state = 'completed' then jsonb_build_object('status', 'fulfilled', 'value', c.value)
            else jsonb_build_object('status', 'rejected', 'reason', c.value) end order by c.number) end
        from millrace.child c where c.parent = w.run_id and c.name = w.name and c.ordinal = w.ordinal)
    where w.run_id = any (parents) and w.met_at is null and w.ended = w.total;

    select coalesce(array_agg(distinct w.run_id), '{}') into runs
    from millrace.waiter w where w.run_id = any (parents) and w.job is not null and w.met_at is not null;
    insert into millrace.orphaning (parent)
    select distinct w.run_id from millrace.waiter w where w.run_id = any (parents) and w.failed and w.ended < w.total;

    select array_agg(w.run_id) as parents, array_agg(w.name) as names, array_agg(w.ordinal) as ordinals,
      array_agg(least(w.total, w.ended + w.at_once)) as up_to into next
    from millrace.waiter w cross join lateral (select state from millrace.run where id = w.run_id limit 1) r
    where w.run_id = any (parents) and w.met_at is null and w.started < least(w.total, w.ended + w.at_once) and r.state is null;
    if next.parents is not null then
      queues := millrace.start_children(next.parents, next.names, next.ordinals, next.up_to);
    end if;
  end $$;

create function millrace.awaited_children(wait millrace.waiter) returns text
  language sql stable
  as $$
    select case when $1.kind = 'call' then 'run ' || c.run_id
      else to_char($1.total - $1.ended, 'FM999,999') || ' of ' || to_char($1.total, 'FM999,999') || ' runs' end || ' of job ' || $1.job
    from millrace.child c where c.parent = $1.run_id and c.name = $1.name and c.ordinal = $1.ordinal and c.number = 0
  $$;

create or replace function millrace.awaited(run uuid) returns text
  language sql stable
  as $$
    select string_agg(case when place > 3 then '…'
      when (w.wait).job is not null then millrace.awaited_children(w.wait)
      else 'event ' || (w.wait).event || coalesce(nullif(' with ' || (w.wait).match::text, ' with {}'), '') end, ' or ' order by place)
    from (
      select w as wait, row_number() over (order by w.asked_at, w.name, w.ordinal) as place
      from millrace.waiter w where w.run_id = run and (w.event is not null or w.job is not null) and w.met_at is null
    ) w
    where place <= 4
  $$;
comment on function millrace.awaited is 'For which events and runs the steps of a run wait, in words; null for none.';

create function millrace.note_orphaning() returns trigger
  language plpgsql
  as $$
  begin
    insert into millrace.orphaning (parent) values (old.run_id);
    return null;
  end $$;
create trigger orphaning after delete on millrace.waiter
  for each row when (old.job is not null and old.met_at is null) execute function millrace.note_orphaning();

-- As before, but a child is a run of its own in any case: its parent waits for that one.
create or replace function millrace.lock_collapsing(items jsonb) returns void
  language sql
  as $$
    with wanted as materialized (
      select distinct j.name as job, coalesce(millrace.key_text(coalesce(nullif(i.value -> 'input', 'null'), '{}'), j.collapse -> 'key'), '') collate "C" as key
      from jsonb_array_elements(items) i(value) join millrace.job j on j.name = i.value ->> 'job' and j.collapse is not null
      where coalesce(i.value ->> 'trigger', '') not in ('rerun', 'parent')
    ),
    made as (
      insert into millrace.collapse (job, key, run_id, first_at, until)
      select job, key, '00000000-0000-0000-0000-000000000000', '-infinity', '-infinity' from wanted order by job, key
      on conflict do nothing
    )
    select from millrace.collapse c join wanted w on w.job = c.job and w.key = c.key order by c.job, c.key for update of c
  $$;

create or replace function millrace.collapse_into(item jsonb, ord integer, id uuid, out run_id uuid, out created boolean, out queue text, out due_at timestamptz)
  language plpgsql
  as $$
  #variable_conflict use_column
  declare
    how jsonb;
    given jsonb := coalesce(nullif(item -> 'input', 'null'), '{}');
    at timestamptz := clock_timestamp();
    held record;
    due timestamptz;
  begin
    select j.collapse into how from millrace.job j where j.name = item ->> 'job';
    if how is null or item ->> 'trigger' in ('rerun', 'parent') then
      return;
    end if;
    if how ->> 'mode' = 'debounce' and (item ? 'due_at' or item ? 'delay_ms') then
      raise exception 'job % is debounced, so it decides itself when its runs start', item ->> 'job'
        using errcode = 'ML010', detail = ord::text, hint = 'Leave out delay and runAt.';
    end if;
    select * into held from millrace.collapse c
    where c.job = item ->> 'job' and c.key = coalesce(millrace.key_text(given, how -> 'key'), '') for update;

    if how ->> 'mode' = 'throttle' and held.until > at then
      select r.id, false, r.queue, t.due_at into run_id, created, queue, due_at
      from millrace.run r left join millrace.timer t on t.run_id = r.id where r.id = held.run_id;
      if found then
        return;
      end if;
    elsif how ->> 'mode' = 'debounce' then
      due := least(held.first_at + (how ->> 'maxWaitMs')::float8 * interval '1 millisecond',
        at + (how ->> 'waitMs')::float8 * interval '1 millisecond');
      update millrace.timer t set due_at = due where t.run_id = held.run_id and t.reason = 'debounce';
      if found then
        update millrace.run r set input = given where r.id = held.run_id and r.state is null
        returning r.id, false, r.queue, due into run_id, created, queue, due_at;
        return;
      end if;
    end if;

    update millrace.collapse c set run_id = id, first_at = at,
      until = at + coalesce((how ->> 'perMs')::float8, (how ->> 'waitMs')::float8) * interval '1 millisecond'
    where c.job = held.job and c.key = held.key;
    run_id := id;
    created := true;
    select e.queue, e.due_at into queue, due_at from millrace.enqueue_one(
      case when how ->> 'mode' = 'debounce' then item || jsonb_build_object('delay_ms', how -> 'waitMs', 'reason', 'debounce') else item end,
      ord, id) e;
  end $$;

create function millrace.note_family_end() returns trigger
  language plpgsql
  as $$
  begin
    if new.trigger = 'parent' then
      insert into millrace.child_end (run_id) values (new.id);
    end if;
    if new.parent then
      insert into millrace.orphaning (parent) values (new.id);
    end if;
    return null;
  end $$;

alter table millrace.run add column parent boolean not null default false;
comment on column millrace.run.parent is 'Whether it has children: then its end is told of.';
create trigger family_end after update of state on millrace.run
  for each row when (old.state is null and new.state is not null and (new.trigger = 'parent' or new.parent))
  execute function millrace.note_family_end();

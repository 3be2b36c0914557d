-- What the steps of a run wait for, and events, which end waits early. A wait stands in `waiter` from when it is asked for until
-- the run has taken what came of it, and that is a checkpoint like any other; so sleeps move there. Not additive: a worker of the
-- version before would take a sleep for a checkpoint.

alter table millrace.step
  add column seq integer,
  add column source uuid,
  drop constraint step_kind_known,
  add constraint step_kind_known check (kind in ('step', 'sleep', 'event'));
update millrace.step s set seq = n.seq
from (select run_id, name, ordinal, row_number() over (partition by run_id order by finished_at, name, ordinal) as seq from millrace.step) n
where n.run_id = s.run_id and n.name = s.name and n.ordinal = s.ordinal;
alter table millrace.step alter column seq set not null;
comment on column millrace.step.seq is
  'The order in which the handler got to know them; an attempt that begins anew gets them in this order, too.';
comment on column millrace.step.finished_at is 'Of a wait: when what it waited for came, or when it was to end.';
comment on column millrace.step.value is
  'What the step gave. What JSON has no form for is {"$": [kind, ...]}. Of an event its payload as it stands; null when it did not come in time. Null for a sleep.';
comment on column millrace.step.source is 'Of an event: its emission.';

create table millrace.waiter (
  run_id uuid not null,
  name text not null,
  ordinal integer not null,
  kind text not null constraint waiter_kind_known check (kind in ('sleep', 'event')),
  asked_at timestamptz not null default clock_timestamp(),
  -- As for timers. What has no end ends then.
  due_at timestamptz not null constraint waiter_due_before_year_10000 check (due_at < '10000-01-01 00:00:00Z'),
  event text,
  -- The paths that `match` has, in order, and the same as the object that a payload must contain.
  shape text[],
  match jsonb,
  pattern jsonb,
  looked boolean not null default false,
  met_at timestamptz,
  value jsonb,
  source uuid,
  primary key (run_id, name, ordinal),
  constraint waiter_event_whole check ((kind = 'event') = (event is not null and shape is not null and match is not null and pattern is not null))
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
create index waiter_event on millrace.waiter (event, shape, match) where event is not null and met_at is null;
comment on table millrace.waiter is
  'What the steps of open runs wait for. The run itself stands in timer while nothing but waits is under way in it, and may be running else.';
comment on column millrace.waiter.match is 'Path -> value: what the payload of an event must have there.';
comment on column millrace.waiter.looked is 'Of one for an event: whether somebody has looked, after it was committed, for what had come before.';
comment on column millrace.waiter.met_at is 'When what it waits for came. The run takes it through its lease; until then it stands here.';

insert into millrace.waiter (run_id, name, ordinal, kind, asked_at, due_at)
select run_id, name, ordinal, kind, started_at, finished_at from millrace.step where kind = 'sleep' and finished_at > clock_timestamp();
delete from millrace.step where kind = 'sleep' and finished_at > clock_timestamp();

-- ---------------------------------------------------------------------------------------------------------------------
-- Events that were sent.

create table millrace.emission (
  id uuid primary key,
  name text not null constraint emission_has_a_name check (millrace.is_name(name)),
  payload jsonb not null constraint emission_up_to_4_mb check (pg_column_size(payload) <= 4 * 1024 * 1024),
  run_id uuid,
  key text constraint emission_key_length check (length(key) between 1 and 255)
);
create index emission_of_name on millrace.emission (name, id);
create unique index emission_key on millrace.emission (name, key) where key is not null;
create index emission_payload on millrace.emission using gin (payload jsonb_path_ops);
comment on table millrace.emission is 'Events that were sent, as long as runs are kept: those that were sent since a run began count for it.';
comment on column millrace.emission.run_id is 'Where it was sent to one run alone.';
comment on column millrace.emission.key is 'Same name, same key: same event.';

create table millrace.arrival (
  emission_id uuid primary key
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
comment on table millrace.arrival is
  'Events of which nobody has looked yet who waits for them. Whoever looks does it after they were committed: so a wait that is asked for at the same moment either sees the event, or is seen.';

create function millrace.emit(event text, payload jsonb default '{}', run uuid default null, key text default null)
  returns table (id uuid, created boolean)
  language plpgsql
  as $$
  #variable_conflict use_column
  declare
    at numeric := extract(epoch from clock_timestamp()) * 1000;
    stamp text := lpad(to_hex(floor(at)::bigint), 12, '0');
    -- The 12 bits behind the millisecond are its fraction (RFC 9562, section 6.2, method 3): calls one after the other keep their order.
    part text := lpad(to_hex(floor((at - floor(at)) * 4096)::integer), 3, '0');
    fresh uuid := (substr(stamp, 1, 8) || '-' || substr(stamp, 9, 4) || '-7' || part || substr(gen_random_uuid()::text, 19))::uuid;
    -- A run could not tell null from a wait that nothing has ended.
    given jsonb := coalesce(nullif(emit.payload, 'null'), '{}');
    same record;
  begin
    if emit.event is null or not millrace.is_name(emit.event) then
      raise exception 'event: % is not a name: lower case, digits, and single . _ - : / between them', quote_nullable(left(emit.event, 100))
        using errcode = 'ML040';
    end if;
    if emit.run is not null and not exists (select from millrace.run r where r.id = emit.run) then
      raise exception 'event %: there is no run %', emit.event, emit.run using errcode = 'ML041';
    end if;
    insert into millrace.emission (id, name, payload, run_id, key)
    values (fresh, emit.event, given, emit.run, emit.key) on conflict do nothing;
    if found then
      insert into millrace.arrival values (fresh);
      return query select fresh, true;
      return;
    end if;
    select e.id, e.payload, e.run_id into same from millrace.emission e where e.name = emit.event and e.key = emit.key;
    if same.payload is distinct from given or same.run_id is distinct from emit.run then
      raise exception 'event %: the key % was used with another payload', emit.event, quote_literal(emit.key)
        using errcode = 'ML003', hint = 'Use a new key for a new event.';
    end if;
    return query select same.id, false;
  end $$;
comment on function millrace.emit is
  'Sends an event, as a part of the caller''s transaction: to all runs that wait for it, or to one. Answers its id, and whether it was not there already under that key.';

create function millrace.project(payload jsonb, shape text[]) returns jsonb
  language sql immutable parallel safe
  as $$ select coalesce(jsonb_object_agg(p, payload #> string_to_array(p, '.')), '{}') from unnest(shape) p $$;
comment on function millrace.project is 'What lies at these paths of a payload, as waiter.match has it.';

-- Whose waits an event ends. There are few shapes, and each is found by one step in the index; within it, matches are found by equality.
create function millrace.waiting_for(event text, payload jsonb, run uuid) returns setof millrace.waiter
  language sql stable
  as $$
    with recursive shape (shape) as (
      (select w.shape from millrace.waiter w where $3 is null and w.event = $1 and w.met_at is null order by w.shape limit 1)
      union all
      select (select w.shape from millrace.waiter w
        where w.event = $1 and w.met_at is null and w.shape > s.shape order by w.shape limit 1)
      from shape s where s.shape is not null
    )
    select w.*
    from shape s
    cross join lateral (select s.shape, millrace.project($2, s.shape) as match offset 0) p
    join millrace.waiter w on w.event = $1 and w.met_at is null and w.shape = p.shape and w.match = p.match
    union all
    select w.* from millrace.waiter w
    where w.run_id = $3 and w.event = $1 and w.met_at is null and w.match = millrace.project($2, w.shape)
  $$;

-- Gives events to those who wait for them, one giver at a time, so that of two events the first is given first. All waits of a run that
-- is concerned are locked, in one order, and by everybody who gives: each event goes to a run once, to the wait that was asked for first.
create function millrace.meet(most integer, out looked integer, out runs uuid[])
  language plpgsql
  as $$
  #variable_conflict use_column
  declare
    came uuid[];
    concerned uuid[];
    event record;
    got uuid[];
  begin
    perform pg_advisory_xact_lock(x'6d656574'::integer);
    with taken as (
      delete from millrace.arrival
      where emission_id = any (array(select emission_id from millrace.arrival order by emission_id limit most for update skip locked))
      returning emission_id
    )
    select array_agg(emission_id) into came from taken;
    looked := coalesce(cardinality(came), 0);
    runs := '{}';
    if looked = 0 then
      return;
    end if;
    select array_agg(distinct w.run_id) into concerned
    from millrace.emission e cross join lateral millrace.waiting_for(e.name, e.payload, e.run_id) w
    where e.id = any (came);
    if concerned is null then
      return;
    end if;
    perform from millrace.waiter w where w.run_id = any (concerned) order by w.run_id, w.name, w.ordinal for update;
    -- Those who have just been noted may have missed an earlier one.
    perform millrace.look_back(array_agg(w.run_id), array_agg(w.name), array_agg(w.ordinal))
    from millrace.waiter w where w.run_id = any (concerned) and w.event is not null and w.met_at is null and not w.looked
    having count(*) > 0;
    select coalesce(array_agg(distinct w.run_id), '{}') into runs
    from millrace.waiter w where w.run_id = any (concerned) and w.event is not null and w.met_at is not null;
    for event in select * from millrace.emission e where e.id = any (came) order by e.id loop
      with first as (
        select distinct on (f.run_id) f.run_id, f.name, f.ordinal
        from millrace.waiting_for(event.name, event.payload, event.run_id) f
        where f.run_id = any (concerned)
          and event.id >= millrace.uuid_floor(millrace.uuid_time(f.run_id)) and millrace.uuid_time(event.id) <= f.due_at
          and not exists (select from millrace.waiter o where o.run_id = f.run_id and o.source = event.id)
          and not exists (select from millrace.step o where o.run_id = f.run_id and o.source = event.id)
        order by f.run_id, f.asked_at, f.name, f.ordinal
      ),
      given as (
        update millrace.waiter w set met_at = clock_timestamp(), value = event.payload, source = event.id
        from first where w.run_id = first.run_id and w.name = first.name and w.ordinal = first.ordinal
        returning w.run_id
      )
      select coalesce(array_agg(run_id), '{}') into got from given;
      runs := runs || got;
    end loop;
  end $$;

-- The first event since the run began that it has not got yet and that a wait of it takes. In the order in which they were sent, and
-- so far only a thousand; what is as rare as not to be among those is found by its content.
create function millrace.past_event(run uuid, event text, pattern jsonb, due_at timestamptz) returns uuid
  language plpgsql stable
  as $$
  declare
    since uuid := millrace.uuid_floor(millrace.uuid_time(run));
    until uuid := millrace.uuid_floor(past_event.due_at + interval '1 millisecond');
    got uuid[] := array(
      select w.source from millrace.waiter w where w.run_id = run and w.source is not null
      union all select s.source from millrace.step s where s.run_id = run and s.source is not null);
    -- A payload that is no object contains none, not even an empty one.
    anything boolean := pattern = '{}';
    early record;
    first uuid;
  begin
    select count(*) as looked, (array_agg(e.id order by e.id) filter (where e.fits))[1] as id into early
    from (
      select n.id, (anything or n.payload @> past_event.pattern) and (n.run_id is null or n.run_id = run) and n.id not in (select unnest(got)) as fits
      from millrace.emission n where n.name = past_event.event and n.id >= since and n.id < until
      order by n.id limit 1000 + cardinality(got)
    ) e;
    if early.id is not null or early.looked < 1000 + cardinality(got) then
      return early.id;
    end if;
    if anything then
      -- So many that were sent to other runs.
      select e.id into first from millrace.emission e
      where e.name = past_event.event and e.id >= since and e.id < until and (e.run_id is null or e.run_id = run)
        and e.id not in (select unnest(got))
      order by e.id limit 1;
    else
      select e.id into first from millrace.emission e
      where e.payload @> past_event.pattern and e.name = past_event.event and e.id >= since and e.id < until
        and (e.run_id is null or e.run_id = run) and e.id not in (select unnest(got))
      order by e.id limit 1;
    end if;
    return first;
  end $$;

-- For waits that have just been asked for, and are on record: whether what they wait for has come before.
create function millrace.look_back(runs uuid[], names text[], ordinals integer[]) returns void
  language plpgsql
  as $$
  declare
    asked record;
    found_id uuid;
  begin
    perform from millrace.waiter w where w.run_id = any (runs) order by w.run_id, w.name, w.ordinal for update;
    for asked in
      select w.* from unnest(runs, names, ordinals) with ordinality a(run_id, name, ordinal, place)
      join millrace.waiter w on w.run_id = a.run_id and w.name = a.name and w.ordinal = a.ordinal
      where w.met_at is null order by w.run_id, w.asked_at, a.place
    loop
      found_id := millrace.past_event(asked.run_id, asked.event, asked.pattern, asked.due_at);
      update millrace.waiter w set looked = true
      where w.run_id = asked.run_id and w.name = asked.name and w.ordinal = asked.ordinal;
      update millrace.waiter w set met_at = clock_timestamp(), value = e.payload, source = e.id
      from millrace.emission e
      where e.id = found_id and w.run_id = asked.run_id and w.name = asked.name and w.ordinal = asked.ordinal;
    end loop;
  end $$;

create function millrace.awaited(run uuid) returns text
  language sql stable
  as $$
    select string_agg(case when place <= 3 then 'event ' || event || coalesce(nullif(' with ' || match::text, ' with {}'), '')
      else '…' end, ' or ' order by place)
    from (
      select event, match, row_number() over (order by asked_at, name, ordinal) as place
      from millrace.waiter where run_id = run and event is not null and met_at is null
    ) w
    where place <= 4
  $$;
comment on function millrace.awaited is 'For which events the steps of a run wait, in words; null for none.';

-- ---------------------------------------------------------------------------------------------------------------------

comment on column millrace.timer.reason is
  'delay: asked for by the caller. debounce: more calls may come. retry, retry budget: after a failed attempt. sleep, wait: its steps sleep, or wait for what may come earlier.';

create or replace function millrace.state_of(run uuid, final millrace.run_state) returns millrace.run_state
  language sql stable
  as $$
    select coalesce(final,
      (select case when t.reason in ('sleep', 'wait') then 'waiting' else 'scheduled' end::millrace.run_state
       from millrace.timer t where t.run_id = run),
      case when exists (select from millrace.lease l where l.run_ids @> array[run]) then 'running' else 'queued' end
        ::millrace.run_state)
  $$;

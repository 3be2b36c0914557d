-- What is said to a run under way. Not additive: what is sent to a run that has ended is refused, which senders of the version before do
-- not know.

-- ---------------------------------------------------------------------------------------------------------------------
-- What runs publish, for whoever asks.

create table millrace.published (
  run_id uuid not null,
  key text not null,
  value jsonb not null,
  checkpoints integer not null,
  attempt smallint not null,
  number integer not null,
  at timestamptz not null default clock_timestamp(),
  primary key (run_id, key)
) with (fillfactor = 70);
comment on table millrace.published is 'What runs publish: the last value of each key, through the lease of the attempt, as long as the run is kept.';
comment on column millrace.published.checkpoints is
  'How many checkpoints its handler had got when it published this. It never goes back: an attempt that executes the handler anew comes by what was published before.';
comment on column millrace.published.number is 'The n-th publication of the attempt.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Chains: runs each of which was continued as the next.

create table millrace.chain (
  id uuid primary key,
  last uuid not null unique,
  since uuid not null,
  taken uuid[] not null
) with (fillfactor = 50);
comment on table millrace.chain is 'Runs that were continued, as long as the last of them is kept. The id is that of the first, which need not be.';
comment on column millrace.chain.since is
  'Events for all count for the last run from here on: from when the first was accepted, or, when they have taken more than a thousand, from the oldest of the last thousand.';
comment on column millrace.chain.taken is 'Those of them that earlier runs of the chain have taken.';

alter table millrace.run add column chain uuid, add column continued_from uuid, add column continued_as uuid;
comment on column millrace.run.chain is 'The first run of the chain that it is of. Set when a run is continued, and of its successor.';

alter table millrace.emission add column taken boolean not null default false;
comment on column millrace.emission.run_id is 'Where it was sent to one run alone: that run, or the first of its chain.';
comment on column millrace.emission.taken is 'Of one for a chain: an earlier run of that has taken it.';
-- Of the emissions that are for one run, which are the fewer.
create index emission_for_run on millrace.emission (run_id, name, id) where run_id is not null and not taken;

create function millrace.last_of_chain(run uuid) returns uuid
  language sql stable
  as $$
    select coalesce(
      (select c.last from millrace.chain c where c.id = coalesce((select r.chain from millrace.run r where r.id = run), run)), run)
  $$;
comment on function millrace.last_of_chain is 'The run that goes on for a run that was continued; the run itself, when it was not.';

-- Makes the successor of a run that a lease holds, and hands it what was the run's: its place as a child, what it has published, events
-- that it has not taken. Whoever calls this ends the run in the same statement. Answers no successor when the lease does not hold the run, or
-- its cancel was asked for. Children first: whoever cancels a child locks it before the lease.
create function millrace.continue_as_new(worker integer, lease bigint, run uuid, input jsonb, out chain uuid, out successor uuid, out queue text)
  language plpgsql
  as $$
  #variable_conflict use_column
  declare
    most_taken constant integer := 1000;
    old record;
    before record;
    took uuid[];
    begins uuid;
  begin
    perform from millrace.child c where c.run_id = continue_as_new.run for update;
    perform from millrace.lease l
    where l.id = continue_as_new.lease and l.worker_id = continue_as_new.worker and l.run_ids @> array[continue_as_new.run]
      and not continue_as_new.run = any (l.unwanted)
    for no key update;
    if not found then
      return;
    end if;
    select * into old from millrace.run r where r.id = continue_as_new.run for no key update;
    if old.state is not null then
      return;
    end if;

    -- As a child is: debounce and throttle are for those who call.
    select e.run_id, e.queue into successor, queue
    from millrace.enqueue_many(jsonb_build_array(jsonb_build_object('job', old.job, 'trigger', 'parent', 'queue', old.queue,
      'priority', old.priority, 'correlation_id', old.correlation_id, 'input', continue_as_new.input))) e;
    chain := coalesce(old.chain, old.id);
    update millrace.run r
    set trigger = old.trigger, rerun_of = old.rerun_of, schedule = old.schedule, scheduled_for = old.scheduled_for,
      chain = continue_as_new.chain, continued_from = old.id, expires_at = null
    where r.id = successor;
    delete from millrace.expiry e where e.run_id = successor;
    insert into millrace.event (run_id, event, detail)
    values (old.id, 'continued', jsonb_build_object('run', successor)), (successor, 'continues', jsonb_build_object('run', old.id));

    insert into millrace.published (run_id, key, value, checkpoints, attempt, number, at)
    select successor, p.key, p.value, 0, 0, 0, p.at from millrace.published p where p.run_id = old.id;
    -- Its parent waits for the successor now, or for neither: who looked for that before this saw a run that is no more.
    with moved as (
      update millrace.child c set run_id = successor where c.run_id = old.id returning c.parent
    )
    insert into millrace.orphaning (parent) select parent from moved;

    update millrace.emission e set taken = true
    from millrace.step s where s.run_id = old.id and e.id = s.source and e.run_id = chain;
    select c.since, c.taken into before from millrace.chain c where c.id = chain;
    took := array(
      select t.id from (
        select unnest(before.taken) as id
        union all
        select e.id from millrace.step s join millrace.emission e on e.id = s.source where s.run_id = old.id and e.run_id is null
      ) t order by t.id desc limit most_taken + 1);
    begins := coalesce(before.since, millrace.uuid_floor(millrace.uuid_time(chain)));
    if cardinality(took) > most_taken then
      took := took[1:most_taken];
      begins := took[most_taken];
    end if;
    insert into millrace.chain as c (id, last, since, taken) values (chain, successor, begins, took)
    on conflict (id) do update set last = excluded.last, since = excluded.since, taken = excluded.taken;
  end $$;

-- As before, but what is for a chain is for its last run.
create or replace function millrace.waiting_for(event text, payload jsonb, run uuid) returns setof millrace.waiter
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
    where w.run_id = coalesce((select c.last from millrace.chain c where c.id = $3), $3) and w.event = $1 and w.met_at is null
      and w.match = millrace.project($2, w.shape)
  $$;

-- As before, but the last run of a chain has what its chain has: when that began, and what was taken.
create or replace function millrace.meet(most integer, out looked integer, out runs uuid[])
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
    for event in select * from millrace.emission e where e.id = any (came) and not e.taken order by e.id loop
      with first as (
        select distinct on (f.run_id) f.run_id, f.name, f.ordinal
        from millrace.waiting_for(event.name, event.payload, event.run_id) f
        left join millrace.chain c on c.last = f.run_id
        where f.run_id = any (concerned)
          and (event.run_id is not null or event.id >= coalesce(c.since, millrace.uuid_floor(millrace.uuid_time(f.run_id))))
          and (c.taken is null or event.id <> all (c.taken))
          and millrace.uuid_time(event.id) <= f.due_at
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

create or replace function millrace.past_event(run uuid, event text, pattern jsonb, due_at timestamptz) returns uuid
  language plpgsql stable
  as $$
  declare
    chained record;
    since uuid;
    until uuid := millrace.uuid_floor(past_event.due_at + interval '1 millisecond');
    got uuid[] := array(
      select w.source from millrace.waiter w where w.run_id = run and w.source is not null
      union all select s.source from millrace.step s where s.run_id = run and s.source is not null);
    -- A payload that is no object contains none, not even an empty one.
    anything boolean := pattern = '{}';
    early record;
    own uuid;
    first uuid;
  begin
    select c.id, c.since, c.taken into chained from millrace.chain c where c.last = past_event.run;
    since := coalesce(chained.since, millrace.uuid_floor(millrace.uuid_time(run)));
    got := got || coalesce(chained.taken, '{}');
    select e.id into own from millrace.emission e
    where e.run_id = coalesce(chained.id, past_event.run) and e.name = past_event.event and not e.taken and e.id < until
      and (anything or e.payload @> past_event.pattern) and e.id not in (select unnest(got))
    order by e.id limit 1;
    select count(*) as looked, (array_agg(e.id order by e.id) filter (where e.fits))[1] as id into early
    from (
      select n.id, (anything or n.payload @> past_event.pattern) and n.run_id is null and n.id not in (select unnest(got)) as fits
      from millrace.emission n where n.name = past_event.event and n.id >= since and n.id < until
      order by n.id limit 1000 + cardinality(got)
    ) e;
    if early.id is not null or early.looked < 1000 + cardinality(got) then
      return least(own, early.id);
    end if;
    if anything then
      -- So many that were sent to other runs.
      select e.id into first from millrace.emission e
      where e.name = past_event.event and e.id >= since and e.id < until and e.run_id is null and e.id not in (select unnest(got))
      order by e.id limit 1;
    else
      select e.id into first from millrace.emission e
      where e.payload @> past_event.pattern and e.name = past_event.event and e.id >= since and e.id < until
        and e.run_id is null and e.id not in (select unnest(got))
      order by e.id limit 1;
    end if;
    return least(own, first);
  end $$;

-- As before, but an event for one run, a signal, is refused when that run has ended: it would wait for nobody. One that was sent before
-- under its key is there, whatever has become of the run.
create or replace function millrace.emit(event text, payload jsonb default '{}', run uuid default null, key text default null)
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
    -- What is sent to one run of a chain is for the last.
    chain uuid := coalesce((select r.chain from millrace.run r where r.id = emit.run), emit.run);
    target record;
  begin
    if emit.event is null or not millrace.is_name(emit.event) then
      raise exception 'event: % is not a name: lower case, digits, and single . _ - : / between them', quote_nullable(left(emit.event, 100))
        using errcode = 'ML040';
    end if;
    if emit.run is not null and not exists (select from millrace.emission e where e.name = emit.event and e.key = emit.key) then
      select r.state into target from millrace.run r where r.id = millrace.last_of_chain(emit.run);
      if not found then
        raise exception 'event %: there is no run %', emit.event, emit.run using errcode = 'ML041';
      end if;
      if target.state is not null then
        raise exception 'event %: run % is % already', emit.event, emit.run, target.state using errcode = 'ML042';
      end if;
    end if;
    insert into millrace.emission (id, name, payload, run_id, key)
    values (fresh, emit.event, given, chain, emit.key) on conflict do nothing;
    if found then
      insert into millrace.arrival values (fresh);
      return query select fresh, true;
      return;
    end if;
    select e.id, e.payload, e.run_id into same from millrace.emission e where e.name = emit.event and e.key = emit.key;
    if same.payload is distinct from given or same.run_id is distinct from chain then
      raise exception 'event %: the key % was used with another payload', emit.event, quote_literal(emit.key)
        using errcode = 'ML003', hint = 'Use a new key for a new event.';
    end if;
    return query select same.id, false;
  end $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Compensation. A run that has something to make good says so before it does it. It does not end as cancelled or failed before it has
-- unwound: whatever ends it so, a trigger makes it open again, and notes why it is to end. Its next attempt makes good what is on record.

alter table millrace.run add column compensates boolean not null default false;
comment on column millrace.run.compensates is 'It has, or is about to have, done something that is to be made good before it ends as cancelled or failed.';
alter table millrace.cancellation add column forced boolean not null default false;
comment on column millrace.cancellation.forced is 'It is to end at once, whatever it had to make good.';

alter table millrace.step
  drop constraint step_kind_known,
  add constraint step_kind_known
    check (kind in ('step', 'sleep', 'event', 'call', 'fan-out', 'effect', 'transaction', 'approval', 'patch', 'compensation'))
    not valid;

create table millrace.unwinding (
  run_id uuid primary key,
  cause text not null constraint unwinding_cause_known check (cause in ('cancelled', 'failed')),
  began_at timestamptz not null default clock_timestamp(),
  attempt smallint not null,
  failures smallint not null,
  done boolean not null default false
);
comment on table millrace.unwinding is 'Runs that are to end as cancelled or failed, and make good before that what they have done.';
comment on column millrace.unwinding.attempt is 'The last attempt before; of a run that failed, it has the error.';
comment on column millrace.unwinding.failures is 'Those that the run had before; what fails of its compensation is counted from here.';
comment on column millrace.unwinding.done is 'All is made good: the next attempt to end it does.';

create function millrace.unwind() returns trigger
  language plpgsql
  as $$
  declare
    under record;
  begin
    select u.done into under from millrace.unwinding u where u.run_id = new.id;
    if found and (under.done or new.state = 'failed') then
      return new;
    end if;
    insert into millrace.unwinding (run_id, cause, attempt, failures) values (new.id, new.state::text, new.attempts, new.failures)
    on conflict do nothing;
    if found then
      insert into millrace.event (run_id, event, detail) values (new.id, 'compensating', jsonb_build_object('cause', new.state));
    end if;
    -- It waits for nothing any more, and its children are cancelled. That it was in the middle of an effect stays on record.
    perform from millrace.waiter w where w.run_id = new.id order by w.run_id, w.name, w.ordinal for update;
    delete from millrace.waiter w where w.run_id = new.id and w.kind <> 'effect';
    if new.parent then
      insert into millrace.orphaning (parent) values (new.id);
    end if;
    insert into millrace.ready (queue, priority, job, version, run_ids, gated, start_by)
    values (new.queue, new.priority, new.job, new.version, array[new.id], millrace.is_gated(new.job, new.queue), clock_timestamp());
    new.state := null;
    new.started_at := null;
    new.finished_at := null;
    new.worker_id := null;
    return new;
  end $$;

create trigger compensation before update of state on millrace.run
  for each row when (old.state is null and old.compensates and new.state in ('cancelled', 'failed'))
  execute function millrace.unwind();

-- As before, but no newer run of its key takes the place of one that makes good what it did.
create or replace function millrace.drop_from_gate(job text, key text, runs uuid[], why text) returns void
  language sql
  as $$
    with victim as materialized (
      select coalesce(array_agg(u.id), '{}') as ids from unnest(runs) u(id)
      where not exists (select from millrace.unwinding n where n.run_id = u.id and not n.done)
    ),
    emptied as (
      delete from millrace.gate g using victim v
      where g.job = drop_from_gate.job and g.key = drop_from_gate.key and g.run_ids <@ v.ids
    ),
    shrunk as (
      update millrace.gate g set run_ids = array(
        select u.id from unnest(g.run_ids) with ordinality u(id, ord) where u.id <> all (v.ids) order by u.ord)
      from victim v
      where g.job = drop_from_gate.job and g.key = drop_from_gate.key and g.run_ids && v.ids and not g.run_ids <@ v.ids
    ),
    ended as (
      update millrace.run r set state = 'cancelled', finished_at = clock_timestamp()
      from victim v where r.id = any (v.ids) and r.state is null returning r.id
    )
    insert into millrace.event (run_id, event, actor, detail)
    select id, 'not started', 'millrace', jsonb_build_object('reason', why) from ended
  $$;

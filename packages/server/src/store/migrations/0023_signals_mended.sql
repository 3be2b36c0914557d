-- Additive.

-- ---------------------------------------------------------------------------------------------------------------------
-- Looking for what came before reads nothing that was sent to other runs. (No version has been released before this, so the table is small.)

create index emission_for_all on millrace.emission (name, id) where run_id is null;
drop index millrace.emission_of_name;

-- As before, but of the events for all it reads no others; of those of a name without more, a run has one among the first it has not got.
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
      select n.id, (anything or n.payload @> past_event.pattern) and n.id not in (select unnest(got)) as fits
      from millrace.emission n
      where n.name = past_event.event and n.run_id is null and n.id >= since and n.id < until
      order by n.id limit 1000 + cardinality(got)
    ) e;
    if early.id is not null or anything or early.looked < 1000 + cardinality(got) then
      return least(own, early.id);
    end if;
    select e.id into first from millrace.emission e
    where e.payload @> past_event.pattern and e.name = past_event.event and e.id >= since and e.id < until
      and e.run_id is null and e.id not in (select unnest(got))
    order by e.id limit 1;
    return least(own, first);
  end $$;

-- As before, but fenced in: a join may be planned to read all that wait for an event of that name.
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
    cross join lateral (
      select * from millrace.waiter o where o.event = $1 and o.met_at is null and o.shape = p.shape and o.match = p.match offset 0
    ) w
    union all
    select w.*
    from (
      select * from millrace.waiter o where o.run_id = coalesce((select c.last from millrace.chain c where c.id = $3), $3) offset 0
    ) w
    where w.event = $1 and w.met_at is null and w.match = millrace.project($2, w.shape)
  $$;

-- As before, but each run is looked up by itself.
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
    from (select * from millrace.waiter o where o.run_id = any (concerned) offset 0) w
    where w.event is not null and w.met_at is null and not w.looked
    having count(*) > 0;
    select coalesce(array_agg(distinct w.run_id), '{}') into runs
    from millrace.waiter w where w.run_id = any (concerned) and w.event is not null and w.met_at is not null;
    for event in select * from millrace.emission e where e.id = any (came) and not e.taken order by e.id loop
      with first as (
        select distinct on (f.run_id) f.run_id, f.name, f.ordinal
        from millrace.waiting_for(event.name, event.payload, event.run_id) f
        left join lateral (select * from millrace.chain where last = f.run_id limit 1) c on true
        where f.run_id = any (concerned)
          and (event.run_id is not null or event.id >= coalesce(c.since, millrace.uuid_floor(millrace.uuid_time(f.run_id))))
          and (c.taken is null or event.id <> all (c.taken))
          and millrace.uuid_time(event.id) <= f.due_at
          and event.id <> all (array(select o.source from millrace.waiter o where o.run_id = f.run_id and o.source is not null))
          and event.id <> all (array(select o.source from millrace.step o where o.run_id = f.run_id and o.source is not null))
        order by f.run_id, f.asked_at, f.name, f.ordinal
      ),
      given as (
        update millrace.waiter w set met_at = clock_timestamp(), value = event.payload, source = event.id
        from first where w.run_id = any (array[first.run_id]) and w.name = any (array[first.name]) and w.ordinal = any (array[first.ordinal])
        returning w.run_id
      )
      select coalesce(array_agg(run_id), '{}') into got from given;
      runs := runs || got;
    end loop;
  end $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- As before, but a run that is to end takes no signal either.
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
      if exists (select from millrace.unwinding u where u.run_id = millrace.last_of_chain(emit.run)) then
        raise exception 'event %: run % is to end, and makes good what it did', emit.event, emit.run using errcode = 'ML042';
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

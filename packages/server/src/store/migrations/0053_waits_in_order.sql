-- additive: waits that were asked for together get what came before in the order in which it was sent.

drop function millrace.past_event(uuid, text, jsonb, timestamptz);

-- As before, but for what waits of the run have been `given` in the same look.
create function millrace.past_event(run uuid, event text, pattern jsonb, due_at timestamptz, given uuid[]) returns uuid
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
    of_project text := millrace.project_of_run(past_event.run);
    early record;
    own uuid;
    first uuid;
  begin
    select c.id, c.since, c.taken into chained from millrace.chain c where c.last = past_event.run;
    since := coalesce(chained.since, millrace.uuid_floor(millrace.uuid_time(run)));
    got := got || coalesce(chained.taken, '{}') || given;
    select e.id into own from millrace.emission e
    where e.run_id = coalesce(chained.id, past_event.run) and e.name = past_event.event and not e.taken and e.id < until
      and (anything or e.payload @> past_event.pattern) and e.id not in (select unnest(got))
    order by e.id limit 1;
    select count(*) as looked, (array_agg(e.id order by e.id) filter (where e.fits))[1] as id into early
    from (
      select n.id, (anything or n.payload @> past_event.pattern) and n.id not in (select unnest(got))
        and (n.project is null or n.project = of_project) as fits
      from millrace.emission n
      where n.name = past_event.event and n.run_id is null and n.id >= since and n.id < until
      order by n.id limit 1000 + cardinality(got)
    ) e;
    if early.id is not null or early.looked < 1000 + cardinality(got) then
      return least(own, early.id);
    end if;
    -- Two statements, because each has an index of its own.
    if anything then
      select e.id into first from millrace.emission e
      where e.name = past_event.event and e.run_id is null and e.id >= since and e.id < until
        and (e.project is null or e.project = of_project) and e.id not in (select unnest(got))
      order by e.id limit 1;
    else
      select e.id into first from millrace.emission e
      where e.payload @> past_event.pattern and e.name = past_event.event and e.id >= since and e.id < until
        and e.run_id is null and (e.project is null or e.project = of_project) and e.id not in (select unnest(got))
      order by e.id limit 1;
    end if;
    return least(own, first);
  end $$;

-- What came before of what waits that have not got it wait for, the one that was asked for first before the others. All of them by one
-- snapshot: an event that is committed between two looks would go to the second of them, though the first waited for it, too.
create function millrace.past_events(runs uuid[], names text[], ordinals integer[])
  returns table (run_id uuid, name text, ordinal integer, emission_id uuid)
  language plpgsql stable
  as $$
  #variable_conflict use_column
  declare
    asked record;
    of_run uuid;
    given uuid[];
  begin
    for asked in
      select w.* from unnest(runs, names, ordinals) a(run_id, name, ordinal)
      join millrace.waiter w on w.run_id = a.run_id and w.name = a.name and w.ordinal = a.ordinal
      where w.met_at is null order by w.run_id, w.asked_at, w.name, w.ordinal
    loop
      if asked.run_id is distinct from of_run then
        of_run := asked.run_id;
        given := '{}';
      end if;
      run_id := asked.run_id;
      name := asked.name;
      ordinal := asked.ordinal;
      emission_id := millrace.past_event(asked.run_id, asked.event, asked.pattern, asked.due_at, given);
      return next;
      if emission_id is not null then
        given := given || emission_id;
      end if;
    end loop;
  end $$;

create or replace function millrace.look_back(runs uuid[], names text[], ordinals integer[]) returns void
  language plpgsql
  as $$
  #variable_conflict use_column
  begin
    perform from millrace.waiter w where w.run_id = any (runs) order by w.run_id, w.name, w.ordinal for update;
    -- By another statement, which sees what those who had the locks before have given.
    update millrace.waiter w
    set looked = true, met_at = case when e.id is not null then clock_timestamp() end, value = e.payload, source = e.id
    from millrace.past_events(runs, names, ordinals) p left join lateral (
      select * from millrace.emission where id = p.emission_id limit 1
    ) e on true
    where w.run_id = p.run_id and w.name = p.name and w.ordinal = p.ordinal;
  end $$;

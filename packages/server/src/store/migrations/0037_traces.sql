-- additive: a run may carry the trace in which it was asked for. What does not say one is as before, and costs as much.

-- As before, but for `trace_context`, of which anybody may write anything: what is too long for one is cut, and none.
create or replace function millrace.enqueue_many(items jsonb)
  returns table (run_id uuid, created boolean, queue text, due_at timestamptz)
  language plpgsql
  as $$
  #variable_conflict use_column
  declare
    stamp text := lpad(to_hex(floor(extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0');
    -- The first 15 characters of the ids: the time, and the version.
    head text := substr(stamp, 1, 8) || '-' || substr(stamp, 9, 4) || '-7';
    wrong text;
  begin
    if jsonb_array_length(items) > 4096 then
      raise exception 'millrace.enqueue_many takes up to 4096 items at once, not %', jsonb_array_length(items)
        using errcode = 'program_limit_exceeded';
    end if;
    if exists (select from jsonb_array_elements(items) i where i ? 'key') or (
      exists (select from millrace.job j where j.collapse is not null)
      and exists (
        select from millrace.job j
        where j.collapse is not null and j.name in (select i.value ->> 'job' from jsonb_array_elements(items) i)))
    then
      return query select * from millrace.enqueue_keyed(items, head);
      return;
    end if;

    return query
    with item as materialized (
      select i.ord,
        (head || lpad(to_hex(i.ord::int - 1), 3, '0') || substr(gen_random_uuid()::text, 19))::uuid as id,
        i.job, i.input, q.name as queue, coalesce(i.priority, j.priority) as priority,
        coalesce(i.due_at, clock_timestamp() + i.delay_ms * interval '1 millisecond') as due_at,
        coalesce(i.ttl_ms * interval '1 millisecond', j.ttl) as ttl, j.start_within, j.gated or q.gated as gated,
        i.trigger, i.correlation_id, i.rerun_of, left(i.trace_context, 600) as trace_context
      from rows from (jsonb_to_recordset(items) as (
          job text, input jsonb, queue text, priority smallint, due_at timestamptz, delay_ms double precision,
          ttl_ms double precision, trigger millrace.run_trigger, correlation_id text, rerun_of uuid, trace_context text)) with ordinality
        as i(job, input, queue, priority, due_at, delay_ms, ttl_ms, trigger, correlation_id, rerun_of, trace_context, ord)
      join millrace.job j on j.name = i.job
      join millrace.queue q on q.name = coalesce(i.queue, j.queue)
    ),
    accepted as (
      insert into millrace.run (id, job, queue, priority, trigger, input, correlation_id, rerun_of, expires_at, trace_context)
      select id, job, queue, priority, coalesce(trigger, 'sql'), coalesce(input, '{}'), correlation_id, rerun_of,
        greatest(due_at, clock_timestamp()) + ttl, trace_context
      from item
      returning id, expires_at
    ),
    expiring as (
      insert into millrace.expiry (run_id, expires_at) select id, expires_at from accepted where expires_at is not null
    ),
    delayed as (
      insert into millrace.timer (run_id, due_at, reason)
      select id, due_at, 'delay' from item where due_at > clock_timestamp()
    ),
    queued as (
      insert into millrace.ready (queue, priority, job, run_ids, gated, start_by)
      select queue, priority, job, array_agg(id order by ord), gated, clock_timestamp() + start_within
      from (
        select *, (row_number() over (partition by queue, priority, job order by ord) - 1) / 250 as parcel
        from item where due_at is null or due_at <= clock_timestamp()
      ) chunk
      group by queue, priority, job, gated, start_within, parcel
      order by min(ord)
    )
    select id, true, queue, due_at from item order by ord;
    get diagnostics wrong = row_count;

    if wrong::int <> jsonb_array_length(items) then
      perform millrace.refuse_enqueue(items);
    end if;
  end $$;

-- The same.
create or replace function millrace.enqueue_one(item jsonb, ord integer, id uuid, out queue text, out due_at timestamptz)
  language plpgsql
  as $$
  #variable_conflict use_column
  declare
    chosen record;
    expires timestamptz;
  begin
    select q.name as queue, coalesce((item ->> 'priority')::smallint, j.priority) as priority, j.start_within,
      j.gated or q.gated as gated, coalesce((item ->> 'ttl_ms')::float8 * interval '1 millisecond', j.ttl) as ttl into chosen
    from millrace.job j join millrace.queue q on q.name = coalesce(item ->> 'queue', j.queue)
    where j.name = item ->> 'job';
    if not found then
      perform millrace.refuse_enqueue(jsonb_build_array(item), ord);
    end if;
    queue := chosen.queue;
    due_at := coalesce((item ->> 'due_at')::timestamptz,
      clock_timestamp() + (item ->> 'delay_ms')::float8 * interval '1 millisecond');
    expires := greatest(due_at, clock_timestamp()) + chosen.ttl;
    insert into millrace.run (id, job, queue, priority, trigger, input, correlation_id, rerun_of, idempotency_key, expires_at, trace_context)
    values (id, item ->> 'job', chosen.queue, chosen.priority, coalesce((item ->> 'trigger')::millrace.run_trigger, 'sql'),
      coalesce(nullif(item -> 'input', 'null'), '{}'), item ->> 'correlation_id', (item ->> 'rerun_of')::uuid, item ->> 'key', expires,
      left(item ->> 'trace_context', 600));
    if expires is not null then
      insert into millrace.expiry (run_id, expires_at) values (id, expires);
    end if;
    if due_at > clock_timestamp() then
      insert into millrace.timer (run_id, due_at, reason) values (id, due_at, coalesce(item ->> 'reason', 'delay'));
    else
      insert into millrace.ready (queue, priority, job, run_ids, gated, start_by)
      values (chosen.queue, chosen.priority, item ->> 'job', array[id], chosen.gated, clock_timestamp() + chosen.start_within);
    end if;
  end $$;

-- As before, but the successor refers to the trace of its run, and begins one of its own: a chain may be endless.
create or replace function millrace.continue_as_new(worker integer, lease bigint, run uuid, input jsonb, out chain uuid, out successor uuid, out queue text)
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
      'priority', old.priority, 'correlation_id', old.correlation_id, 'trace_context', '~' || ltrim(old.trace_context, '~'),
      'input', continue_as_new.input))) e;
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

comment on function millrace.enqueue_many is
  'Accepts a list of {job, input, queue, priority, due_at or delay_ms, ttl_ms, key, trigger, correlation_id, rerun_of, trace_context}; all but job may be absent. Answers one row an item, in order.';

alter table millrace.run add column trace_context text;
comment on column millrace.run.trace_context is
  'The trace in which the run was asked for, where that is recorded: a W3C traceparent, and after a blank the tracestate; before it ~ where the run only refers to that trace.';

-- As before, but for `trace_context`.
create or replace function millrace.open_gated_lease(worker integer, job text, key text, queue text, batch boolean, taken uuid[], waited float8[], at timestamptz)
  returns table (lease_id bigint, runs text)
  language sql
  as $$
    with opened as materialized (
      select r.id, u.ord, '["' || r.id || '","' || r.job || '",' || r.attempts || ',' || r.failures || ',"' || r.trigger
        || '",' || coalesce(to_json(r.correlation_id)::text, 'null') || ',' || r.input || ',null,' || r.losses || ','
        || json_build_array(open_gated_lease.key, open_gated_lease.queue, open_gated_lease.batch, round(u.waited), r.trace_context)::text
        || coalesce(',' || floor(extract(epoch from r.scheduled_for) * 1000)::bigint, '') || ']' as columns
      from unnest(taken, waited) with ordinality u(id, waited, ord) join millrace.run r on r.id = u.id
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

-- The tables of the first release. A run's row in `run` is written twice, when it is accepted and when it is settled; in
-- between it stands in exactly one of `ready`, `lease` and `timer`, and that place is its state. ARCHITECTURE.md has the
-- picture and docs/concepts.md the words.

create type millrace.run_state as enum
  ('scheduled', 'queued', 'running', 'waiting', 'completed', 'failed', 'cancelled');
create type millrace.attempt_outcome as enum ('completed', 'failed', 'lost', 'cancelled', 'released');
create type millrace.run_trigger as enum
  ('api', 'call', 'schedule', 'webhook', 'event', 'parent', 'rerun', 'sql');
create type millrace.worker_state as enum ('active', 'draining', 'gone', 'lost');
create type millrace.resolution as enum ('rerun', 'dismissed');

-- ---------------------------------------------------------------------------------------------------------------------
-- Ids. UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then 12 bits that count within one statement, so
-- that the runs of a batch sort in the order in which they were given, then 62 random bits. Always made here, from the
-- database's clock: a client with a wrong clock must not choose a partition.

create function millrace.uuid_floor(at timestamptz) returns uuid
  language sql immutable strict parallel safe
  as $$ select rpad(lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0'), 32, '0')::uuid $$;
comment on function millrace.uuid_floor is 'The lower bound of all UUIDv7 of that millisecond.';

create function millrace.uuid_time(id uuid) returns timestamptz
  language sql immutable strict parallel safe
  as $$ select to_timestamp(('x' || translate(substr(id::text, 1, 13), '-', ''))::bit(48)::bigint / 1000.0) $$;
comment on function millrace.uuid_time is 'The instant in a UUIDv7, to the millisecond.';

-- ---------------------------------------------------------------------------------------------------------------------
-- What is defined: jobs and queues.

create function millrace.is_name(name text) returns boolean
  language sql immutable strict parallel safe
  as $$ select name ~ '^[a-z0-9]+([._:/-][a-z0-9]+)*$' and length(name) <= 100 $$;

create table millrace.queue (
  name text primary key check (millrace.is_name(name)),
  paused_at timestamptz,
  paused_by text,
  pause_reason text,
  created_at timestamptz not null default now()
);

create table millrace.job (
  name text primary key check (millrace.is_name(name)),
  description text not null,
  queue text not null references millrace.queue,
  priority smallint not null,
  timeout_ms bigint not null,
  retry jsonb not null,
  input_schema jsonb,
  registered_at timestamptz not null default now()
);
comment on column millrace.job.input_schema is 'JSON Schema, where the author''s schema library can tell it.';

-- ---------------------------------------------------------------------------------------------------------------------
-- History, partitioned by the day of the run's id: retention drops partitions and never deletes rows. A partition is
-- filled to 55 %, so that settling a run rewrites its row on the same page: no index is touched (HOT), and the log gets
-- only what changed. No index may therefore name a column that settling changes.

create table millrace.run (
  id uuid primary key,
  started_at timestamptz,
  finished_at timestamptz,
  worker_id integer,
  state millrace.run_state,
  trigger millrace.run_trigger not null,
  priority smallint not null,
  attempts smallint not null default 0,
  failures smallint not null default 0,
  losses smallint not null default 0,
  job text not null,
  queue text not null,
  -- A claim answers the inputs of 250 runs in one text, and half a gigabyte is what Node can take.
  input jsonb not null constraint run_input_up_to_2_mb check (pg_column_size(input) <= 2 * 1024 * 1024),
  output jsonb,
  correlation_id text,
  idempotency_key text,
  rerun_of uuid
) partition by range (id);
comment on column millrace.run.state is 'Null while the run is open; then its final state. millrace.state_of() has the whole answer.';
comment on column millrace.run.attempts is 'Attempts that have ended, however they ended.';

create table millrace.attempt (
  run_id uuid,
  number smallint,
  outcome millrace.attempt_outcome not null,
  worker_id integer not null,
  started_at timestamptz not null,
  finished_at timestamptz not null default clock_timestamp(),
  error_class text,
  error_message text,
  error_stack text,
  primary key (run_id, number)
) partition by range (run_id);
comment on table millrace.attempt is 'Attempts that did not complete. The one that did is in the row of its run: a run without trouble costs no second row.';

create table millrace.event (
  run_id uuid not null,
  seq bigint generated always as identity,
  at timestamptz not null default clock_timestamp(),
  event text not null,
  actor text,
  detail jsonb,
  primary key (run_id, seq)
) partition by range (run_id);
comment on table millrace.event is 'What happened to a run besides its acceptance, its attempts and its outcome, which are in run and attempt. millrace.timeline has it all in one list.';

create table millrace.log (
  run_id uuid not null,
  seq bigint not null,
  attempt smallint not null,
  at timestamptz not null,
  level text not null,
  message text not null,
  fields jsonb,
  primary key (run_id, seq)
) partition by range (run_id);

create table millrace.progress (
  run_id uuid primary key,
  at timestamptz not null default clock_timestamp(),
  done double precision not null,
  total double precision,
  message text
) partition by range (run_id);

create function millrace.ensure_partitions(from_day date, days integer) returns integer
  language plpgsql
  -- Making a partition waits for every reader of its parent, and everybody else waits behind it: rather try again later.
  set lock_timeout = '2s'
  as $$
  declare
    parent record;
    day date;
    child text;
    made integer := 0;
  begin
    for parent in
      select * from (values ('run', 55), ('attempt', 100), ('event', 100), ('log', 100), ('progress', 70)) p(name, fill)
    loop
      for day in select from_day + n from generate_series(0, days - 1) n loop
        child := format('%s_%s', parent.name, to_char(day, 'YYYYMMDD'));
        continue when to_regclass(format('millrace.%I', child)) is not null;
        begin
          execute format(
            'create table millrace.%I partition of millrace.%I for values from (%L) to (%L) with (fillfactor = %s)',
            child, parent.name,
            millrace.uuid_floor(day::timestamp at time zone 'UTC'),
            millrace.uuid_floor((day + 1)::timestamp at time zone 'UTC'),
            parent.fill);
          made := made + 1;
        exception when check_violation then
          -- The default partition has rows of that day already; it keeps the day.
          null;
        end;
      end loop;
    end loop;
    return made;
  end $$;
comment on function millrace.ensure_partitions is 'Makes the daily (UTC) partitions of all history tables that are absent; returns how many it made.';

-- Nothing may be refused because maintenance was asleep: what has no partition of its own goes here.
create table millrace.run_default partition of millrace.run default with (fillfactor = 55);
create table millrace.attempt_default partition of millrace.attempt default;
create table millrace.event_default partition of millrace.event default;
create table millrace.log_default partition of millrace.log default;
create table millrace.progress_default partition of millrace.progress default;

-- ---------------------------------------------------------------------------------------------------------------------
-- Where an open run stands. These tables stay small and change fast, so they are vacuumed by count, not by share.

create sequence millrace.ready_seq;

create table millrace.ready (
  queue text not null,
  priority smallint not null,
  seq bigint not null default nextval('millrace.ready_seq'),
  since timestamptz not null default clock_timestamp(),
  job text not null,
  run_ids uuid[] not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
-- Inline and uncompressed: 250 ids are 4 kB, which TOAST would otherwise move out of line and write twice.
alter table millrace.ready alter column run_ids set storage plain;
create unique index ready_order on millrace.ready (queue, priority desc, seq);
comment on table millrace.ready is 'Parcels of runs that may start now. seq only grows: a retried run goes to the back.';

create table millrace.lease (
  id bigint generated always as identity primary key,
  worker_id integer not null,
  claimed_at timestamptz not null default clock_timestamp(),
  run_ids uuid[] not null,
  unwanted uuid[] not null default '{}'
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
alter table millrace.lease alter column run_ids set storage plain;
comment on column millrace.lease.unwanted is 'Those whose cancel was asked for. It stands here because whoever ends a lease locks it, and so cannot overlook it.';
comment on table millrace.lease is 'The runs that a worker holds. No lease, no write: whatever an attempt records is recorded through this row.';

create table millrace.timer (
  run_id uuid primary key,
  -- What JavaScript's dates and subtraction cannot hold, such as infinity, would stop whoever reads the next timer.
  due_at timestamptz not null constraint timer_due_before_year_10000 check (due_at < '10000-01-01 00:00:00Z'),
  reason text not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
create index timer_due on millrace.timer (due_at);
comment on column millrace.timer.reason is 'delay: asked for by the caller. retry: the backoff after a failed attempt.';

create table millrace.cancellation (
  run_id uuid primary key,
  requested_at timestamptz not null default clock_timestamp(),
  requested_by text not null,
  reason text
);
comment on table millrace.cancellation is 'Cancels that were asked for; a worker that holds such a run aborts it.';

create table millrace.worker (
  id integer generated always as identity primary key,
  name text not null,
  state millrace.worker_state not null default 'active',
  beat bigint not null default 0,
  seen_at timestamptz not null default clock_timestamp(),
  started_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  concurrency integer not null,
  queues text[] not null,
  jobs text[] not null,
  version text not null,
  lease_ms integer not null
) with (fillfactor = 50);
comment on column millrace.worker.lease_ms is 'How long it may be silent before it is declared lost.';
comment on column millrace.worker.beat is 'Grows with every heartbeat. Nobody compares clocks: a reaper watches whether it still grows.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Unique over all time, and what waits for a person.

create table millrace.idempotency_key (
  job text not null,
  key text not null,
  run_id uuid not null,
  input_hash bytea not null,
  primary key (job, key)
);

create table millrace.dead_letter (
  run_id uuid primary key,
  job text not null,
  queue text not null,
  failed_at timestamptz not null default clock_timestamp(),
  error_class text not null,
  error_message text not null,
  handled_at timestamptz,
  handled_by text,
  resolution millrace.resolution,
  note text,
  rerun_id uuid
);
create index dead_letter_open on millrace.dead_letter (run_id) where handled_at is null;

-- ---------------------------------------------------------------------------------------------------------------------
-- Enqueue: the one way in, for the server and, inside their own transactions, for everybody else.

create function millrace.enqueue_many(items jsonb)
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
    if exists (select from jsonb_array_elements(items) i where i ? 'key') then
      return query select * from millrace.enqueue_keyed(items, head);
      return;
    end if;

    return query
    with item as materialized (
      select i.ord,
        (head || lpad(to_hex(i.ord::int - 1), 3, '0') || substr(gen_random_uuid()::text, 19))::uuid as id,
        i.job, i.input, q.name as queue, coalesce(i.priority, j.priority) as priority,
        coalesce(i.due_at, clock_timestamp() + i.delay_ms * interval '1 millisecond') as due_at, i.trigger, i.correlation_id, i.rerun_of
      from rows from (jsonb_to_recordset(items) as (
          job text, input jsonb, queue text, priority smallint, due_at timestamptz, delay_ms double precision,
          trigger millrace.run_trigger, correlation_id text, rerun_of uuid)) with ordinality
        as i(job, input, queue, priority, due_at, delay_ms, trigger, correlation_id, rerun_of, ord)
      join millrace.job j on j.name = i.job
      join millrace.queue q on q.name = coalesce(i.queue, j.queue)
    ),
    accepted as (
      insert into millrace.run (id, job, queue, priority, trigger, input, correlation_id, rerun_of)
      select id, job, queue, priority, coalesce(trigger, 'sql'), coalesce(input, '{}'), correlation_id, rerun_of
      from item
    ),
    delayed as (
      insert into millrace.timer (run_id, due_at, reason)
      select id, due_at, 'delay' from item where due_at > clock_timestamp()
    ),
    queued as (
      insert into millrace.ready (queue, priority, job, run_ids)
      select queue, priority, job, array_agg(id order by ord)
      from (
        select *, (row_number() over (partition by queue, priority, job order by ord) - 1) / 250 as parcel
        from item where due_at is null or due_at <= clock_timestamp()
      ) chunk
      group by queue, priority, job, parcel
      order by min(ord)
    )
    select id, true, queue, due_at from item order by ord;
    get diagnostics wrong = row_count;

    if wrong::int <> jsonb_array_length(items) then
      perform millrace.refuse_enqueue(items);
    end if;
  end $$;
comment on function millrace.enqueue_many is
  'Accepts a list of {job, input, queue, priority, due_at or delay_ms, key, trigger, correlation_id, rerun_of}; all but job may be absent. Answers one row an item, in order.';

create function millrace.refuse_enqueue(items jsonb, first integer default 0) returns void
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
    where q.name is null
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
comment on function millrace.refuse_enqueue is
  'Raises the error of the first item whose job (ML001) or queue (ML002) is unknown; its index, counted from first, is the detail.';

create function millrace.input_hash(item jsonb) returns bytea
  language sql immutable
  as $$ select sha256(convert_to(coalesce(nullif(item -> 'input', 'null'), '{}')::text, 'UTF8')) $$;

-- The same with idempotency keys. The key's row is written first and decides which run is the run: one that lost the
-- race waits there for the winner's commit. Slower, and only taken where a key is given.
create function millrace.enqueue_keyed(items jsonb, head text)
  returns table (run_id uuid, created boolean, queue text, due_at timestamptz)
  language plpgsql
  as $$
  #variable_conflict use_column
  declare
    item record;
    id uuid;
    holder record;
    tail text := substr(gen_random_uuid()::text, 19);
  begin
    -- All keys at once and in one order everywhere: two batches with the same keys wait for each other, never in a circle.
    insert into millrace.idempotency_key (job, key, run_id, input_hash)
    select distinct on (1, 2) coalesce(i.value ->> 'job', '') collate "C", (i.value ->> 'key') collate "C",
      (head || lpad(to_hex(i.ord::integer - 1), 3, '0') || tail)::uuid, millrace.input_hash(i.value)
    from jsonb_array_elements(items) with ordinality i(value, ord)
    where i.value ->> 'key' is not null
    order by 1, 2, i.ord
    on conflict do nothing;

    for item in
      select i.value, i.ord::integer - 1 as ord, i.value ->> 'job' as job, i.value ->> 'key' as key
      from jsonb_array_elements(items) with ordinality i(value, ord) order by i.ord
    loop
      id := (head || lpad(to_hex(item.ord), 3, '0') || tail)::uuid;
      if item.key is not null then
        select k.run_id, k.input_hash into holder
        from millrace.idempotency_key k where k.job = item.job and k.key = item.key;
        if holder.run_id <> id then
          if holder.input_hash <> millrace.input_hash(item.value) then
            raise exception 'the idempotency key % of job % was used with another input', quote_literal(item.key), item.job
              using errcode = 'ML003', detail = item.ord::text, hint = 'Use a new key for a new input.';
          end if;
          return query
            select r.id, false, r.queue, t.due_at
            from millrace.run r left join millrace.timer t on t.run_id = r.id where r.id = holder.run_id;
          continue;
        end if;
      end if;
      return query select id, true, e.queue, e.due_at from millrace.enqueue_one(item.value, item.ord, id) e;
    end loop;
  end $$;

create function millrace.enqueue_one(item jsonb, ord integer, id uuid, out queue text, out due_at timestamptz)
  language plpgsql
  as $$
  #variable_conflict use_column
  declare
    chosen record;
  begin
    select q.name as queue, coalesce((item ->> 'priority')::smallint, j.priority) as priority into chosen
    from millrace.job j join millrace.queue q on q.name = coalesce(item ->> 'queue', j.queue)
    where j.name = item ->> 'job';
    if not found then
      perform millrace.refuse_enqueue(jsonb_build_array(item), ord);
    end if;
    queue := chosen.queue;
    due_at := coalesce((item ->> 'due_at')::timestamptz,
      clock_timestamp() + (item ->> 'delay_ms')::float8 * interval '1 millisecond');
    insert into millrace.run (id, job, queue, priority, trigger, input, correlation_id, rerun_of, idempotency_key)
    values (id, item ->> 'job', chosen.queue, chosen.priority, coalesce((item ->> 'trigger')::millrace.run_trigger, 'sql'),
      coalesce(nullif(item -> 'input', 'null'), '{}'), item ->> 'correlation_id', (item ->> 'rerun_of')::uuid, item ->> 'key');
    if due_at > clock_timestamp() then
      insert into millrace.timer (run_id, due_at, reason) values (id, due_at, 'delay');
    else
      insert into millrace.ready (queue, priority, job, run_ids)
      values (chosen.queue, chosen.priority, item ->> 'job', array[id]);
    end if;
  end $$;

create function millrace.enqueue(
    job text, input jsonb default '{}', key text default null, queue text default null, priority integer default null,
    run_at timestamptz default null, correlation_id text default null)
  returns uuid
  language sql
  as $$
    select run_id from millrace.enqueue_many(jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
      'job', job, 'key', key, 'queue', queue, 'priority', priority, 'due_at', run_at,
      'correlation_id', correlation_id)) || jsonb_build_object('input', input)))
  $$;
comment on function millrace.enqueue is
  'Enqueues one run inside the caller''s transaction and answers its id. Workers see it within a second of the commit.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Reading.

create function millrace.state_of(run uuid, final millrace.run_state) returns millrace.run_state
  language sql stable
  as $$
    select coalesce(final, case
      when exists (select from millrace.timer t where t.run_id = run) then 'scheduled'::millrace.run_state
      when exists (select from millrace.lease l where l.run_ids @> array[run]) then 'running'
      else 'queued' end)
  $$;
comment on function millrace.state_of is 'A run''s state: its final state, or where it stands.';

-- The contract of the founding article: these names, in this order, and nothing else.
create view millrace.automation_jobs as
  select
    r.id,
    r.job as job_type,
    millrace.state_of(r.id, r.state)::text as status,
    r.input as payload,
    r.output as result,
    millrace.uuid_time(r.id) as created_at,
    coalesce(r.started_at, l.claimed_at) as started_at,
    r.finished_at as completed_at,
    (r.failures + r.losses - (r.state is not distinct from 'failed')::int)::integer as retry_count,
    e.error_message
  from millrace.run r
  left join lateral (
    select l.claimed_at from millrace.lease l where r.state is null and l.run_ids @> array[r.id]
  ) l on true
  left join lateral (
    select coalesce(a.error_message, a.outcome::text) as error_message
    from millrace.attempt a
    where r.failures + r.losses > 0 and r.state is distinct from 'completed'
      and a.run_id = r.id and a.outcome in ('failed', 'lost')
    order by a.number desc limit 1
  ) e on true;

create view millrace.timeline as
  select id as run_id, millrace.uuid_time(id) as at, 'accepted' as event, null::text as actor,
    jsonb_build_object('trigger', trigger) as detail
  from millrace.run
  union all
  select run_id, started_at, 'started', null, jsonb_build_object('attempt', number, 'worker', worker_id) from millrace.attempt
  union all
  select run_id, finished_at, 'attempt ' || outcome, null, jsonb_strip_nulls(jsonb_build_object(
    'attempt', number, 'error', error_class)) from millrace.attempt
  union all
  select run_id, at, event, actor, detail from millrace.event
  union all
  select id, started_at, 'started', null, jsonb_build_object('attempt', attempts, 'worker', worker_id)
  from millrace.run where state = 'completed'
  union all
  select id, finished_at, state::text, null, null from millrace.run where state is not null;
comment on view millrace.timeline is 'Every transition of a run, from wherever it is on record. Select by run_id, order by at.';

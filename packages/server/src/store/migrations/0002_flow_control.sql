-- Flow control: limits by key, job and queue, rates, fairness, deadlines, time to live, debounce and throttle, batches,
-- pauses. Runs that no limit concerns go the way they went; the others stand in `gate` until a claim finds that they may
-- start. What a limit has used up is never a counter that could leak: it is the leases that are there.

set local lock_timeout = '5s';

-- ---------------------------------------------------------------------------------------------------------------------
-- What is defined.

alter table millrace.job
  add column flow jsonb not null default '{}',
  -- What the enqueue reads of it for every batch.
  add column start_within interval generated always as
    (coalesce((flow ->> 'startWithinMs')::bigint, 600000) * interval '1 millisecond') stored,
  add column ttl interval generated always as ((flow ->> 'ttlMs')::bigint * interval '1 millisecond') stored,
  add column collapse jsonb generated always as (flow -> 'collapse') stored,
  -- Whether its runs pass the gate: it has a limit, a rate or a key, is a batch, or is paused.
  add column gated boolean not null default false,
  add column gated_at timestamptz not null default '-infinity';
create index job_collapse on millrace.job (name) where collapse is not null;

alter table millrace.queue
  add column paused_until timestamptz,
  add column concurrency integer check (concurrency between 1 and 100000),
  add column rate jsonb,
  add column gated boolean not null generated always as (concurrency is not null or rate is not null) stored,
  add column limited_at timestamptz not null default '-infinity';
comment on column millrace.queue.concurrency is 'How many of its runs may run at the same time, over all workers.';
comment on column millrace.queue.rate is 'How many of its runs may start: {limit, perMs, burst}.';

create table millrace.pause (
  job text not null references millrace.job on delete cascade,
  key text not null default '',
  whole boolean not null,
  paused_at timestamptz not null default clock_timestamp(),
  paused_by text not null,
  reason text,
  until timestamptz,
  primary key (job, whole, key)
);
comment on table millrace.pause is 'Jobs (whole) and keys of jobs of which no run starts. Queues have it in their own row.';

create function millrace.is_paused(job text, key text) returns boolean
  language sql stable
  as $$
    select exists (
      select from millrace.pause p
      where p.job = is_paused.job and (p.whole or p.key = is_paused.key) and (p.until is null or p.until > clock_timestamp()))
  $$;

create function millrace.is_gated(job text, queue text) returns boolean
  language sql stable
  as $$
    select exists (select from millrace.job j where j.name = is_gated.job and j.gated)
      or exists (select from millrace.queue q where q.name = is_gated.queue and q.gated)
  $$;
comment on function millrace.is_gated is 'Whether runs of that job in that queue pass the gate.';

create function millrace.regate(jobs text[]) returns void
  language sql
  as $$
    update millrace.job j set gated = now.gated, gated_at = clock_timestamp()
    from (
      select name, flow ?| array['key', 'jobLimit', 'keyRate', 'jobRate', 'batch']
        or exists (select from millrace.pause p where p.job = name) as gated
      from millrace.job where name = any (jobs)
    ) now
    where j.name = now.name and j.gated <> now.gated
  $$;
comment on function millrace.regate is 'Decides anew whether runs of these jobs pass the gate.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Where runs stand. `ready` is the way in for all of them. What passes the gate is marked there, so that no claim walks
-- over it, and is filed into `gate` by its key.

alter table millrace.ready
  add column start_by timestamptz not null default clock_timestamp() + interval '10 minutes',
  add column gated boolean not null default false;
drop index millrace.ready_order;
create unique index ready_order on millrace.ready (queue, priority desc, start_by, seq) where not gated;
create index ready_inbox on millrace.ready (queue, job, seq) where gated;
comment on column millrace.ready.start_by is 'The order within a priority: earliest deadline first. It is no promise.';

create sequence millrace.turn_seq;

create table millrace.lane (
  job text not null,
  key text not null,
  queue text not null,
  head_priority smallint not null,
  head_start_by timestamptz not null,
  turn bigint not null default nextval('millrace.turn_seq'),
  "full" boolean not null default false,
  not_before timestamptz not null default '-infinity',
  primary key (job, key, queue)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
create index lane_open on millrace.lane (queue, job, head_priority desc, turn) where not "full";
comment on table millrace.lane is 'One row for each queue, job and key of which runs stand in the gate. Lanes of a job are served in turns.';
comment on column millrace.lane."full" is 'Its key has as many running as it may; whoever ends a lease of the key opens it.';
comment on column millrace.lane.not_before is 'When the next may start by the rate of its key, or when its batch is due.';

create table millrace.gate (
  queue text not null,
  job text not null,
  key text not null,
  priority smallint not null,
  start_by timestamptz not null,
  seq bigint not null default nextval('millrace.ready_seq'),
  since timestamptz not null,
  cost double precision not null,
  run_ids uuid[] not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
alter table millrace.gate alter column run_ids set storage plain;
create unique index gate_order on millrace.gate (job, key, queue, priority desc, start_by, seq);
comment on table millrace.gate is 'Parcels of runs of one key that a limit, a rate, a pause or an unfilled batch holds back.';
comment on column millrace.gate.cost is 'What each of them takes from its rates.';

alter table millrace.lease
  add column job text,
  add column key text,
  add column queue text,
  add column batch boolean not null default false;
create index lease_key on millrace.lease (job, key) where job is not null;
create index lease_queue on millrace.lease (queue) where queue is not null;
comment on column millrace.lease.job is 'Job, key and queue are set for runs that passed the gate: these leases are what their limits count.';

create table millrace.bucket (
  scope text not null check (scope in ('queue', 'job', 'key')),
  name text not null,
  key text not null default '',
  tokens double precision not null,
  at timestamptz not null,
  primary key (scope, name, key)
) with (fillfactor = 50);
create index bucket_at on millrace.bucket (at);
comment on table millrace.bucket is 'What is left of a rate, and when that was so. A full bucket needs no row.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Time to live, debounce and throttle.

alter table millrace.run add column expires_at timestamptz;

create table millrace.expiry (
  run_id uuid primary key,
  expires_at timestamptz not null
);
create index expiry_due on millrace.expiry (expires_at);
comment on table millrace.expiry is 'Runs that are cancelled if they have not started by then.';

create table millrace.collapse (
  job text not null,
  key text not null,
  run_id uuid not null,
  first_at timestamptz not null,
  until timestamptz not null,
  primary key (job, key)
);
create index collapse_until on millrace.collapse (until);
comment on table millrace.collapse is 'The run that calls with the same debounce or throttle key become, until then.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Keys, costs and rates.

create function millrace.key_text(input jsonb, path jsonb) returns text
  language sql immutable
  as $$
    select case when length(k.text) <= 200 then k.text
      else left(k.text, 100) || '…' || encode(sha256(convert_to(k.text, 'UTF8')), 'hex') end
    from (
      select case when jsonb_typeof(path) = 'array'
        then coalesce(input #>> array(select jsonb_array_elements_text(path)), '') else '' end as text
    ) k
  $$;
comment on function millrace.key_text is 'The key at a path of the input; empty without a path, and when nothing is there. A long one is cut, and told apart by its hash.';

create function millrace.cost_of(cost jsonb, input jsonb) returns double precision
  language sql immutable
  as $$
    select case jsonb_typeof(cost)
      when 'number' then cost::float8
      when 'array' then case
        when jsonb_typeof(input #> array(select jsonb_array_elements_text(cost))) = 'number'
        then greatest(0, least(1e9, (input #>> array(select jsonb_array_elements_text(cost)))::numeric))::float8
        else 1 end
      else 1 end
  $$;
comment on function millrace.cost_of is 'What a run takes from its rates: a number, or what its input says at a path; 1 when nothing is said.';

-- A token bucket, as in J. Turner, "New directions in communications", IEEE Communications Magazine 24(10), 1986.
create function millrace.tokens(scope text, name text, key text, rate jsonb, at timestamptz) returns double precision
  language sql stable
  as $$
    select least((rate ->> 'burst')::float8, coalesce(
      (select b.tokens + greatest(0, extract(epoch from tokens.at - b.at)) * 1000
          * (rate ->> 'limit')::float8 / (rate ->> 'perMs')::float8
       from millrace.bucket b where b.scope = tokens.scope and b.name = tokens.name and b.key = tokens.key),
      (rate ->> 'burst')::float8))
  $$;
comment on function millrace.tokens is 'What is in a bucket at that time; negative after a debt.';

create function millrace.spend(scope text, name text, key text, rate jsonb, amount double precision, at timestamptz) returns void
  language sql
  as $$
    insert into millrace.bucket as b (scope, name, key, tokens, at)
    values (scope, name, key, millrace.tokens(scope, name, key, rate, at) - amount, at)
    on conflict on constraint bucket_pkey do update set tokens = excluded.tokens, at = greatest(b.at, excluded.at)
  $$;

create function millrace.held_by_key(job text, key text) returns integer
  language sql stable
  as $$
    select coalesce(sum(case when l.batch then 1 else cardinality(l.run_ids) end), 0)::int
    from millrace.lease l where l.job = held_by_key.job and l.key = held_by_key.key
  $$;

create function millrace.held_by_job(job text) returns integer
  language sql stable
  as $$
    select coalesce(sum(case when l.batch then 1 else cardinality(l.run_ids) end), 0)::int
    from millrace.lease l where l.job = held_by_job.job
  $$;

create function millrace.held_by_queue(queue text) returns integer
  language sql stable
  as $$
    select coalesce(sum(case when l.batch then 1 else cardinality(l.run_ids) end), 0)::int
    from millrace.lease l where l.queue = held_by_queue.queue
  $$;
comment on function millrace.held_by_queue is 'Runs (of batches: calls of the handler) that run now and passed the gate. The leases are what limits count.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Filing: from the way in to the gate.

create function millrace.file_parcels(max_parcels integer, out parcels integer, out lanes jsonb)
  language sql
  as $$
    with inbox as materialized (
      select r.queue, r.job, r.seq, r.priority, r.start_by, r.since, r.run_ids
      from millrace.ready r where r.gated order by r.queue, r.job, r.seq limit max_parcels for update skip locked
    ),
    taken as (
      delete from millrace.ready r using inbox i where r.gated and r.queue = i.queue and r.job = i.job and r.seq = i.seq
    ),
    item as materialized (
      select i.queue, i.job, i.priority, i.start_by, i.since, i.seq, u.run_id, u.ord,
        coalesce(millrace.key_text(r.input, j.flow -> 'key'), '') as key,
        millrace.cost_of(j.flow -> 'cost', r.input) as cost
      from inbox i join millrace.job j on j.name = i.job
      cross join unnest(i.run_ids) with ordinality u(run_id, ord)
      join millrace.run r on r.id = u.run_id
      where r.state is null
    ),
    parcel as materialized (
      select queue, job, key, priority, min(start_by) as start_by, min(since) as since, cost, min(seq) as seq,
        array_agg(run_id order by seq, ord) as run_ids
      from (
        select *, (row_number() over (partition by queue, job, key, priority, cost order by seq, ord) - 1) / 250 as chunk from item
      ) chunked
      group by queue, job, key, priority, cost, chunk
    ),
    opened as (
      insert into millrace.lane as l (job, key, queue, head_priority, head_start_by)
      select distinct on (job, key, queue) job, key, queue, priority, start_by
      from parcel order by job, key, queue, priority desc, start_by
      on conflict (job, key, queue) do update
      set head_priority = greatest(l.head_priority, excluded.head_priority),
        head_start_by = case when excluded.head_priority > l.head_priority then excluded.head_start_by
          when excluded.head_priority = l.head_priority then least(l.head_start_by, excluded.head_start_by)
          else l.head_start_by end,
        -- A batch may be complete now.
        not_before = case when exists (select from millrace.job j where j.name = l.job and j.flow ? 'batch')
          then '-infinity' else l.not_before end
      returning job, key, queue
    ),
    filed as (
      insert into millrace.gate (queue, job, key, priority, start_by, since, cost, run_ids)
      select queue, job, key, priority, start_by, since, cost, run_ids from parcel order by seq, start_by
    )
    select (select count(*) from inbox)::int,
      (select jsonb_agg(jsonb_build_object('job', o.job, 'key', o.key, 'whenFull', j.flow ->> 'whenFull'))
       from (select distinct job, key from opened) o join millrace.job j on j.name = o.job where j.flow ? 'whenFull')
  $$;

create function millrace.file(max_parcels integer) returns integer
  language plpgsql
  as $$
  declare
    filed record;
    lane record;
  begin
    select * into filed from millrace.file_parcels(max_parcels);
    for lane in select * from jsonb_to_recordset(filed.lanes) l(job text, key text, "whenFull" text) order by job, key loop
      perform millrace.keep_newest(lane.job, lane.key, lane."whenFull");
    end loop;
    return filed.parcels;
  end $$;
comment on function millrace.file is 'Files parcels that have come in for the gate into the lanes of their keys; answers how many. Any number of processes may.';

-- ---------------------------------------------------------------------------------------------------------------------
-- What happens to runs whose key is full, where their job does not let them wait.

create function millrace.keep_newest(job text, key text, when_full text) returns void
  language plpgsql
  as $$
  #variable_conflict use_column
  declare
    key_limit integer := (select (j.flow ->> 'keyLimit')::int from millrace.job j where j.name = keep_newest.job);
    held integer := millrace.held_by_key(keep_newest.job, keep_newest.key);
    waiting uuid[] := (
      select array_agg(u.run_id order by g.start_by, g.seq, u.ord)
      from millrace.gate g cross join unnest(g.run_ids) with ordinality u(run_id, ord)
      where g.job = keep_newest.job and g.key = keep_newest.key);
    count integer := coalesce(cardinality(waiting), 0);
    free integer := greatest(0, key_limit - held);
  begin
    if when_full = 'skip' and count > free then
      perform millrace.drop_from_gate(keep_newest.job, keep_newest.key, waiting[free + 1:], 'skipped: its key is full');
    elsif when_full = 'replace-waiting' and count > free + 1 then
      perform millrace.drop_from_gate(keep_newest.job, keep_newest.key, waiting[free + 1:count - 1], 'replaced by a newer run of its key');
    elsif when_full = 'cancel-running' then
      if count > key_limit then
        perform millrace.drop_from_gate(keep_newest.job, keep_newest.key, waiting[:count - key_limit], 'replaced by a newer run of its key');
        count := key_limit;
      end if;
      perform millrace.stop_oldest(keep_newest.job, keep_newest.key, held + count - key_limit);
    end if;
  end $$;

create function millrace.drop_from_gate(job text, key text, runs uuid[], why text) returns void
  language sql
  as $$
    with emptied as (
      delete from millrace.gate g
      where g.job = drop_from_gate.job and g.key = drop_from_gate.key and g.run_ids <@ runs
    ),
    shrunk as (
      update millrace.gate g set run_ids = array(
        select u.id from unnest(g.run_ids) with ordinality u(id, ord) where u.id <> all (runs) order by u.ord)
      where g.job = drop_from_gate.job and g.key = drop_from_gate.key and g.run_ids && runs and not g.run_ids <@ runs
    ),
    ended as (
      update millrace.run set state = 'cancelled', finished_at = clock_timestamp()
      where id = any (runs) and state is null returning id
    )
    insert into millrace.event (run_id, event, actor, detail)
    select id, 'not started', 'millrace', jsonb_build_object('reason', why) from ended
  $$;

-- Leases that somebody settles at this moment are left alone: they end by themselves, and to wait for them here, behind a
-- lane, would be the wrong way round.
create function millrace.stop_oldest(job text, key text, runs integer) returns void
  language sql
  as $$
    with held as materialized (
      select l.id, l.run_ids, l.unwanted from millrace.lease l
      where l.job = stop_oldest.job and l.key = stop_oldest.key order by l.id for update skip locked
    ),
    victim as materialized (
      select h.id as lease_id, u.run_id, u.run_id = any (h.unwanted) as asked
      from held h cross join unnest(h.run_ids) with ordinality u(run_id, ord)
      order by h.id, u.ord limit greatest(0, runs)
    ),
    noted as (
      update millrace.lease l set unwanted = l.unwanted || v.run_ids
      from (select lease_id, array_agg(run_id) as run_ids from victim where not asked group by lease_id) v
      where l.id = v.lease_id
    ),
    asked as (
      insert into millrace.cancellation (run_id, requested_by, reason)
      select run_id, 'millrace', 'replaced by a newer run of its key' from victim where not asked
      on conflict do nothing returning run_id
    )
    insert into millrace.event (run_id, event, actor, detail)
    select run_id, 'cancel asked', 'millrace', '{"reason": "replaced by a newer run of its key"}' from asked
  $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Claiming through the gate.

create function millrace.room(max_running integer, held integer) returns integer
  language sql immutable
  as $$ select greatest(0, coalesce(max_running - held, 1000000)) $$;

create function millrace.startable(tokens double precision, rate jsonb, cost double precision) returns integer
  language sql immutable
  as $$
    select case
      when rate is null or cost <= 0 then 1000000
      -- What costs more than the bucket can hold starts when it is full, and leaves a debt.
      when tokens < least(cost, (rate ->> 'burst')::float8) - 1e-9 then 0
      else least(1000000, greatest(1, floor(tokens / cost + 1e-9)))::int end
  $$;
comment on function millrace.startable is 'How many runs of that cost a rate lets start now.';

create function millrace.startable_at(tokens double precision, rate jsonb, cost double precision, at timestamptz) returns timestamptz
  language sql immutable
  as $$
    select case when rate is null then '-infinity'::timestamptz else
      at + greatest(0, least(cost, (rate ->> 'burst')::float8) - tokens) * (rate ->> 'perMs')::float8 / (rate ->> 'limit')::float8
        * interval '1 millisecond' end
  $$;
comment on function millrace.startable_at is 'When the next run of that cost may start by a rate.';

-- One call claims from as many lanes as there are free slots, and opens a lease for each. Limits that lanes share are
-- locked first, in one order, and what they have left is read after that: in READ COMMITTED each statement in here sees what
-- was committed before it, so no two claims count the same room.
create function millrace.claim_gated(worker integer, free integer, queues text[], jobs text[], behind boolean)
  returns table (lease_id bigint, runs text)
  language plpgsql
  as $$
  #variable_conflict use_column
  declare
    now_at timestamptz;
    slots integer := free;
    lane record;
    parcel record;
    fits integer;
    take integer;
    taken uuid[];
    cost double precision;
    wait_until timestamptz;
    tokens_key double precision;
    tokens_job double precision;
    tokens_queue double precision;
    head record;
    key_full boolean;
    lanes_left integer := null;
    batch_due timestamptz;
    waiting integer;
  begin
    perform millrace.file(200);
    perform pg_advisory_xact_lock(20557, hashtext(shared.name)) from (
      select 'queue ' || q.name as name from millrace.queue q
      where q.name = any (queues) and q.gated and exists (select from millrace.lane l where l.queue = q.name)
      union
      select 'job ' || j.name from millrace.job j
      where j.name = any (jobs) and j.flow ?| array['jobLimit', 'jobRate'] and exists (select from millrace.lane l where l.job = j.name)
      order by 1
    ) shared;
    now_at := clock_timestamp();

    for lane in
      select l.*, j.flow, q.concurrency, q.rate, q.gated as queue_gated, count(*) over () as lanes,
        min(l.head_start_by) over (partition by l.queue, l.job) as job_start_by
      from unnest(queues) with ordinality w(name, turn)
      join millrace.queue q on q.name = w.name
        and (q.paused_at is null or q.paused_until <= now_at)
        and millrace.room(q.concurrency, case when q.concurrency is not null then millrace.held_by_queue(q.name) end) > 0
        and (q.rate is null or millrace.startable(millrace.tokens('queue', q.name, '', q.rate, now_at), q.rate, 1e-9) > 0)
      cross join lateral (
        select j.name, j.flow from millrace.job j
        where j.name = any (jobs)
          and exists (select from millrace.lane l where l.queue = q.name and l.job = j.name and not l."full")
          and not exists (select from millrace.pause p where p.job = j.name and p.whole and (p.until is null or p.until > now_at))
          and millrace.room((j.flow ->> 'jobLimit')::int, case when j.flow ? 'jobLimit' then millrace.held_by_job(j.name) end) > 0
          and (not j.flow ? 'jobRate' or millrace.startable(millrace.tokens('job', j.name, '', j.flow -> 'jobRate', now_at), j.flow -> 'jobRate', 1e-9) > 0)
      ) j
      left join lateral (
        select r.priority, r.start_by from millrace.ready r
        where not behind and not q.gated and r.queue = q.name and not r.gated and r.job = any (jobs)
        order by r.priority desc, r.start_by, r.seq limit 1
      ) plain on true
      cross join lateral (
        select l.* from millrace.lane l
        where l.queue = q.name and l.job = j.name and not l."full" and l.not_before <= now_at
          and not exists (
            select from millrace.pause p
            where p.job = l.job and not p.whole and p.key = l.key and (p.until is null or p.until > now_at))
        order by l.head_priority desc, l.turn limit free for update skip locked
      ) l
      where plain.priority is null or (l.head_priority, plain.start_by) > (plain.priority, l.head_start_by)
      order by w.turn, l.head_priority desc, job_start_by, l.turn
    loop
      lanes_left := coalesce(lanes_left, lane.lanes::int);
      exit when slots <= 0;
      -- Another lane of the same key, in another queue, may be claimed from at this moment.
      if lane.flow ?| array['keyLimit', 'keyRate'] then
        if not pg_try_advisory_xact_lock(20558, hashtext(lane.job || ' ' || lane.key)) then
          continue;
        end if;
      end if;

      -- Each lane gets its share of what is left, so that the first does not take all.
      fits := ceil(slots::numeric / greatest(1, lanes_left));
      lanes_left := lanes_left - 1;
      wait_until := null;
      key_full := false;
      if lane.flow ? 'batch' then
        fits := 1;
      end if;
      if lane.flow ? 'keyLimit' then
        take := millrace.room((lane.flow ->> 'keyLimit')::int, millrace.held_by_key(lane.job, lane.key));
        key_full := take <= fits;
        fits := least(fits, take);
      end if;
      if lane.flow ? 'jobLimit' then
        fits := least(fits, millrace.room((lane.flow ->> 'jobLimit')::int, millrace.held_by_job(lane.job)));
      end if;
      if lane.concurrency is not null then
        fits := least(fits, millrace.room(lane.concurrency, millrace.held_by_queue(lane.queue)));
      end if;
      if lane.flow ? 'batch' and fits > 0 then
        select coalesce(sum(cardinality(g.run_ids)), 0), min(g.since) into waiting, batch_due
        from millrace.gate g where g.job = lane.job and g.key = lane.key and g.queue = lane.queue;
        batch_due := batch_due + (lane.flow -> 'batch' ->> 'waitMs')::float8 * interval '1 millisecond';
        if waiting < (lane.flow -> 'batch' ->> 'size')::int and batch_due > now_at then
          fits := 0;
          wait_until := batch_due;
        else
          fits := (lane.flow -> 'batch' ->> 'size')::int;
        end if;
      end if;

      tokens_key := millrace.tokens('key', lane.job, lane.key, lane.flow -> 'keyRate', now_at);
      tokens_job := millrace.tokens('job', lane.job, '', lane.flow -> 'jobRate', now_at);
      tokens_queue := millrace.tokens('queue', lane.queue, '', lane.rate, now_at);
      cost := 0;
      taken := '{}';
      for parcel in
        select g.* from millrace.gate g
        where g.job = lane.job and g.key = lane.key and g.queue = lane.queue
        order by g.priority desc, g.start_by, g.seq limit fits for update
      loop
        take := least(fits - cardinality(taken), cardinality(parcel.run_ids),
          millrace.startable(tokens_key, lane.flow -> 'keyRate', parcel.cost),
          millrace.startable(tokens_job, lane.flow -> 'jobRate', parcel.cost),
          millrace.startable(tokens_queue, lane.rate, parcel.cost));
        if take < cardinality(parcel.run_ids) and take < fits - cardinality(taken) then
          -- Only what is the lane's own shuts it: what its job or queue lets start is asked for at every claim.
          wait_until := millrace.startable_at(tokens_key - take * parcel.cost, lane.flow -> 'keyRate', parcel.cost, now_at);
        end if;
        exit when take <= 0;
        taken := taken || parcel.run_ids[:take];
        cost := cost + take * parcel.cost;
        tokens_key := tokens_key - take * parcel.cost;
        tokens_job := tokens_job - take * parcel.cost;
        tokens_queue := tokens_queue - take * parcel.cost;
        if take = cardinality(parcel.run_ids) then
          delete from millrace.gate g
          where g.job = parcel.job and g.key = parcel.key and g.queue = parcel.queue and g.priority = parcel.priority
            and g.start_by = parcel.start_by and g.seq = parcel.seq;
        else
          update millrace.gate g set run_ids = parcel.run_ids[take + 1:]
          where g.job = parcel.job and g.key = parcel.key and g.queue = parcel.queue and g.priority = parcel.priority
            and g.start_by = parcel.start_by and g.seq = parcel.seq;
        end if;
        exit when take < cardinality(parcel.run_ids) or cardinality(taken) >= fits;
      end loop;

      if cardinality(taken) > 0 then
        if lane.flow ? 'keyRate' then
          perform millrace.spend('key', lane.job, lane.key, lane.flow -> 'keyRate', cost, now_at);
        end if;
        if lane.flow ? 'jobRate' then
          perform millrace.spend('job', lane.job, '', lane.flow -> 'jobRate', cost, now_at);
        end if;
        if lane.rate is not null then
          perform millrace.spend('queue', lane.queue, '', lane.rate, cost, now_at);
        end if;
        return query select * from millrace.open_gated_lease(worker, lane.job, lane.key, lane.queue, lane.flow ? 'batch', taken, now_at);
        slots := slots - case when lane.flow ? 'batch' then 1 else cardinality(taken) end;
      end if;

      select g.priority, g.start_by into head from millrace.gate g
      where g.job = lane.job and g.key = lane.key and g.queue = lane.queue
      order by g.priority desc, g.start_by, g.seq limit 1;
      if not found then
        delete from millrace.lane l where l.job = lane.job and l.key = lane.key and l.queue = lane.queue;
      else
        update millrace.lane l
        set head_priority = head.priority, head_start_by = head.start_by,
          turn = case when cardinality(taken) > 0 then nextval('millrace.turn_seq') else l.turn end,
          "full" = lane.flow ? 'keyLimit' and key_full
            and millrace.held_by_key(lane.job, lane.key) >= (lane.flow ->> 'keyLimit')::int,
          not_before = coalesce(wait_until, '-infinity')
        where l.job = lane.job and l.key = lane.key and l.queue = lane.queue;
      end if;
    end loop;
    perform set_config('synchronous_commit', 'off', true);
  end $$;

create function millrace.open_gated_lease(worker integer, job text, key text, queue text, batch boolean, taken uuid[], at timestamptz)
  returns table (lease_id bigint, runs text)
  language sql
  as $$
    with opened as materialized (
      select r.id, u.ord, '["' || r.id || '","' || r.job || '",' || r.attempts || ',' || r.failures || ',"' || r.trigger
        || '",' || coalesce(to_json(r.correlation_id)::text, 'null') || ',' || r.input || ',null,' || r.losses || ','
        || json_build_array(open_gated_lease.key, open_gated_lease.queue, open_gated_lease.batch)::text || ']' as columns
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

-- ---------------------------------------------------------------------------------------------------------------------
-- Enqueue, as before and with what is new: order by deadline, the mark of what passes the gate, time to live, and calls
-- that become one run.

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
        i.trigger, i.correlation_id, i.rerun_of
      from rows from (jsonb_to_recordset(items) as (
          job text, input jsonb, queue text, priority smallint, due_at timestamptz, delay_ms double precision,
          ttl_ms double precision, trigger millrace.run_trigger, correlation_id text, rerun_of uuid)) with ordinality
        as i(job, input, queue, priority, due_at, delay_ms, ttl_ms, trigger, correlation_id, rerun_of, ord)
      join millrace.job j on j.name = i.job
      join millrace.queue q on q.name = coalesce(i.queue, j.queue)
    ),
    accepted as (
      insert into millrace.run (id, job, queue, priority, trigger, input, correlation_id, rerun_of, expires_at)
      select id, job, queue, priority, coalesce(trigger, 'sql'), coalesce(input, '{}'), correlation_id, rerun_of,
        greatest(due_at, clock_timestamp()) + ttl
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

create or replace function millrace.enqueue_keyed(items jsonb, head text)
  returns table (run_id uuid, created boolean, queue text, due_at timestamptz)
  language plpgsql
  as $$
  #variable_conflict use_column
  declare
    item record;
    id uuid;
    holder record;
    made record;
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
    perform millrace.lock_collapsing(items);

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
      select * into made from millrace.collapse_into(item.value, item.ord, id);
      if made.run_id is null then
        return query select id, true, e.queue, e.due_at from millrace.enqueue_one(item.value, item.ord, id) e;
      else
        if item.key is not null then
          update millrace.idempotency_key k set run_id = made.run_id where k.job = item.job and k.key = item.key;
        end if;
        return query select made.run_id, made.created, made.queue, made.due_at;
      end if;
    end loop;
  end $$;

create function millrace.lock_collapsing(items jsonb) returns void
  language sql
  as $$
    with wanted as materialized (
      select distinct j.name as job, coalesce(millrace.key_text(coalesce(nullif(i.value -> 'input', 'null'), '{}'), j.collapse -> 'key'), '') collate "C" as key
      from jsonb_array_elements(items) i(value) join millrace.job j on j.name = i.value ->> 'job' and j.collapse is not null
      where i.value ->> 'trigger' is distinct from 'rerun'
    ),
    made as (
      insert into millrace.collapse (job, key, run_id, first_at, until)
      select job, key, '00000000-0000-0000-0000-000000000000', '-infinity', '-infinity' from wanted order by job, key
      on conflict do nothing
    )
    select from millrace.collapse c join wanted w on w.job = c.job and w.key = c.key order by c.job, c.key for update of c
  $$;

-- The run that an item of a job with debounce or throttle becomes; no run when the job has neither.
create function millrace.collapse_into(item jsonb, ord integer, id uuid, out run_id uuid, out created boolean, out queue text, out due_at timestamptz)
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
    if how is null or item ->> 'trigger' = 'rerun' then
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
    insert into millrace.run (id, job, queue, priority, trigger, input, correlation_id, rerun_of, idempotency_key, expires_at)
    values (id, item ->> 'job', chosen.queue, chosen.priority, coalesce((item ->> 'trigger')::millrace.run_trigger, 'sql'),
      coalesce(nullif(item -> 'input', 'null'), '{}'), item ->> 'correlation_id', (item ->> 'rerun_of')::uuid, item ->> 'key', expires);
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

drop function millrace.enqueue(text, jsonb, text, text, integer, timestamptz, text);
create function millrace.enqueue(
    job text, input jsonb default '{}', key text default null, queue text default null, priority integer default null,
    run_at timestamptz default null, correlation_id text default null, ttl interval default null)
  returns uuid
  language sql
  as $$
    select run_id from millrace.enqueue_many(jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
      'job', job, 'key', key, 'queue', queue, 'priority', priority, 'due_at', run_at,
      'correlation_id', correlation_id, 'ttl_ms', extract(epoch from ttl) * 1000)) || jsonb_build_object('input', input)))
  $$;
comment on function millrace.enqueue is
  'Enqueues one run inside the caller''s transaction and answers its id. Workers see it within a second of the commit.';
comment on function millrace.enqueue_many is
  'Accepts a list of {job, input, queue, priority, due_at or delay_ms, ttl_ms, key, trigger, correlation_id, rerun_of}; all but job may be absent. Answers one row an item, in order.';
comment on column millrace.timer.reason is 'delay: asked for by the caller. debounce: more calls may come. retry: the backoff after a failed attempt.';

-- ---------------------------------------------------------------------------------------------------------------------
-- How fast runs start, as each worker sees it: for the expected start of a run that waits.

create table millrace.pace (
  worker_id integer not null,
  queue text not null,
  per_second double precision not null,
  at timestamptz not null default clock_timestamp(),
  primary key (worker_id, queue)
) with (fillfactor = 50);
comment on table millrace.pace is 'Runs that a worker starts per second and queue, averaged over the last half minute or so.';

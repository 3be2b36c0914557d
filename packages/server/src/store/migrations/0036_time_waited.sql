-- additive: claims tell for how long each run could have started, of those that pass the gate, too.

create function millrace.open_gated_lease(worker integer, job text, key text, queue text, batch boolean, taken uuid[], waited float8[], at timestamptz)
  returns table (lease_id bigint, runs text)
  language sql
  as $$
    with opened as materialized (
      select r.id, u.ord, '["' || r.id || '","' || r.job || '",' || r.attempts || ',' || r.failures || ',"' || r.trigger
        || '",' || coalesce(to_json(r.correlation_id)::text, 'null') || ',' || r.input || ',null,' || r.losses || ','
        || json_build_array(open_gated_lease.key, open_gated_lease.queue, open_gated_lease.batch, round(u.waited))::text
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

-- As before, but for `waited`.
create or replace function millrace.claim_gated(worker integer, free integer, queues text[], jobs text[], behind boolean)
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
    waited float8[];
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
          and (r.version is null or r.job || '@' || r.version = any (jobs))
        order by r.priority desc, r.start_by, r.seq limit 1
      ) plain on true
      cross join lateral (
        select l.* from millrace.lane l
        where l.queue = q.name and l.job = j.name and not l."full" and l.not_before <= now_at
          -- Else a lane of which it can run nothing would have one of its places at every claim.
          and exists (
            select from millrace.gate g
            where g.job = l.job and g.key = l.key and g.queue = l.queue
              and (g.version is null or g.job || '@' || g.version = any (jobs)))
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
      waited := '{}';
      for parcel in
        select g.* from millrace.gate g
        where g.job = lane.job and g.key = lane.key and g.queue = lane.queue
          and (g.version is null or g.job || '@' || g.version = any (jobs))
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
        waited := waited || array_fill(extract(epoch from now_at - parcel.since)::float8 * 1000, array[take]);
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
        return query select * from millrace.open_gated_lease(worker, lane.job, lane.key, lane.queue, lane.flow ? 'batch', taken, waited, now_at);
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

drop function millrace.open_gated_lease(integer, text, text, text, boolean, uuid[], timestamptz);


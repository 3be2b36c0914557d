-- additive: what each process says of itself, and how fast each queue drains.

create table millrace.process (
  id integer generated always as identity primary key,
  name text not null,
  roles text[] not null,
  version text not null,
  started_at timestamptz not null default clock_timestamp(),
  seen_at timestamptz not null default clock_timestamp(),
  well_at timestamptz,
  trouble text,
  trouble_since timestamptz,
  clock_ms double precision,
  pool integer not null default 0,
  pool_max integer not null,
  pool_waiting integer not null default 0
) with (fillfactor = 50);
comment on table millrace.process is 'The processes that serve: each writes its row every ten seconds, takes it away when it ends, and forgets those that have been silent for an hour.';
comment on column millrace.process.well_at is 'When it last proved that it does its work.';
comment on column millrace.process.clock_ms is 'By how much its clock is ahead of the database''s. Nothing is decided by it.';

-- What a worker has started of each queue since it began, and how much of that is in the samples.
alter table millrace.pace add column started bigint not null default 0, add column sampled bigint not null default 0;

-- What a worker says of its attempts of the last quarter of a minute.
alter table millrace.worker add column ended_per_minute real, add column failed_per_minute real;

create table millrace.queue_sample (
  minute timestamptz primary key,
  at timestamptz not null default clock_timestamp(),
  depths jsonb not null,
  starts jsonb not null
);
comment on table millrace.queue_sample is 'A row a minute, for half an hour and a little: how fast queues drain.';
comment on column millrace.queue_sample.depths is 'Runs that could start or were held back at that instant, by queue; 0 where there is none.';
comment on column millrace.queue_sample.starts is 'Runs that workers have started since the row before, by queue; 0 where there is none.';

-- True for the one who has taken the sample of this minute.
create function millrace.sample_queues() returns boolean
  language plpgsql
  as $$
  declare
    this_minute timestamptz := date_trunc('minute', clock_timestamp());
  begin
    insert into millrace.queue_sample (minute, depths, starts) values (this_minute, '{}', '{}') on conflict do nothing;
    if not found then
      return false;
    end if;
    with standing as (
      select queue, cardinality(run_ids) as runs from millrace.ready
      union all
      select queue, cardinality(run_ids) from millrace.gate
    ),
    counted as materialized (
      select worker_id, queue, started - sampled as runs from millrace.pace where started > sampled for update
    ),
    noted as (
      update millrace.pace p set sampled = p.sampled + c.runs
      from counted c where p.worker_id = c.worker_id and p.queue = c.queue
    )
    update millrace.queue_sample s set at = clock_timestamp(),
      depths = coalesce((select jsonb_object_agg(d.queue, d.runs) from (select queue, sum(runs) as runs from standing group by queue) d), '{}'),
      starts = coalesce((select jsonb_object_agg(c.queue, c.runs) from (select queue, sum(runs) as runs from counted group by queue) c), '{}')
    where s.minute = this_minute;
    delete from millrace.queue_sample where minute < this_minute - interval '35 minutes';
    return true;
  end $$;

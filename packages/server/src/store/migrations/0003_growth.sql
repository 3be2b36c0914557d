-- additive: retention, wider partitions, and what the database says of its own health.

alter table millrace.job add column retention_ms float8 constraint job_retention_positive check (retention_ms > 0);
comment on column millrace.job.retention_ms is
  'How long its runs are kept after they ended: null for the server''s MILLRACE_RETENTION, Infinity for ever.';

alter table millrace.worker
  add column claims integer,
  add column claim_p50_ms real,
  add column claim_p99_ms real,
  add column claims_at timestamptz;
comment on column millrace.worker.claim_p99_ms is 'Of its claims in the quarter of a minute that ended at claims_at.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Partitions. Each one that exists costs every claim and every settling (PostgreSQL locks and opens them all before it
-- prunes): measured with one run each, 14 partitions cost a settling 15 % and 90 cost it 170 %. So their width follows
-- the retention, and their number stays below 20.

create view millrace.partition as
  select p.relname::text as parent, c.relname::text as name, c.oid as relation,
    millrace.uuid_time((b.bound)[1]::uuid) as from_at, millrace.uuid_time((b.bound)[2]::uuid) as to_at
  from pg_inherits i
  join pg_class p on p.oid = i.inhparent
  join pg_class c on c.oid = i.inhrelid
  left join lateral regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(.+)''\) TO \(''(.+)''\)') b(bound) on true
  where p.relnamespace = 'millrace'::regnamespace and p.relkind = 'p';
comment on view millrace.partition is 'Every partition of the history tables and the time that it holds; null for a default partition.';

create function millrace.make_partition(parent text, from_day date, to_day date, fill integer) returns void
  language plpgsql
  as $$
  declare
    low uuid := millrace.uuid_floor(from_day::timestamp at time zone 'UTC');
    high uuid := millrace.uuid_floor(to_day::timestamp at time zone 'UTC');
    child text := format('%s_%s', parent, to_char(from_day, 'YYYYMMDD'));
    key text := case parent when 'run' then 'id' else 'run_id' end;
    options text;
    rows_there integer;
  begin
    execute format('lock table only millrace.%I, millrace.%I in access exclusive mode', parent, parent || '_default');
    execute format('select count(*) from (select from millrace.%I where %I >= %L and %I < %L limit 2001) r',
      parent || '_default', key, low, key, high) into rows_there;
    if rows_there > 2000 then
      raise exception 'the default partition of % holds more than 2,000 rows of %', parent, from_day using errcode = 'check_violation';
    end if;
    -- A page is frozen when it is first vacuumed, while it is in memory, and needs no second visit before it is dropped.
    options := format('with (fillfactor = %s, autovacuum_freeze_min_age = 0, toast.autovacuum_freeze_min_age = 0)', fill);
    if rows_there = 0 then
      execute format('create table millrace.%I partition of millrace.%I for values from (%L) to (%L) %s',
        child, parent, low, high, options);
      return;
    end if;
    -- They get a home of their own; so few that nobody notices the lock.
    execute format('create table millrace.%I (like millrace.%I including defaults including constraints including storage) %s',
      child, parent, options);
    execute format('with gone as (delete from millrace.%I where %I >= %L and %I < %L returning *) insert into millrace.%I select * from gone',
      parent || '_default', key, low, key, high, child);
    execute format('alter table millrace.%I attach partition millrace.%I for values from (%L) to (%L)', parent, child, low, high);
  end $$;
comment on function millrace.make_partition is
  'Makes one partition of whole UTC days; up to 2,000 rows of these days move into it from the default partition. More raise check_violation.';

create function millrace.ensure_partitions(from_day date, days integer, span integer, of_parent text default null) returns integer
  language plpgsql
  -- Whoever waits for the lock holds up everybody behind him: rather try again later.
  set lock_timeout = '100ms'
  as $$
  declare
    parent record;
    day date;
    until_day date;
    there record;
    made integer := 0;
  begin
    for parent in
      select * from (values ('run', 55), ('attempt', 100), ('event', 100), ('log', 100), ('progress', 70)) p(name, fill)
      where of_parent is null or p.name = of_parent
    loop
      day := from_day;
      while day < from_day + days loop
        select (p.from_at at time zone 'UTC')::date as from_day, (p.to_at at time zone 'UTC')::date as to_day into there
        from millrace.partition p
        where p.parent = parent.name and (p.to_at at time zone 'UTC')::date > day order by p.from_at limit 1;
        if there.from_day <= day then
          day := there.to_day;
          continue;
        end if;
        -- To the end of its span, counted from a Monday; or to where the next one begins.
        until_day := least(day + span - mod(day - date '1970-01-05', span), there.from_day);
        begin
          perform millrace.make_partition(parent.name, day, until_day, parent.fill);
          made := made + 1;
          day := until_day;
        exception when check_violation then
          -- Too many rows for a move are in the default partition; it keeps the day.
          day := day + 1;
        end;
      end loop;
    end loop;
    return made;
  end $$;
comment on function millrace.ensure_partitions(date, integer, integer, text) is
  'Makes the partitions of so many days (UTC) that are absent, each up to span days wide, of one or all history tables; returns how many it made.';

create or replace function millrace.ensure_partitions(from_day date, days integer) returns integer
  language sql
  as $$
    select millrace.ensure_partitions(from_day, days, coalesce(
      (select extract(day from p.to_at - p.from_at)::integer from millrace.partition p
       where p.parent = 'run' and p.from_at is not null order by p.from_at desc limit 1), 1))
  $$;
comment on function millrace.ensure_partitions(date, integer) is 'The same, as wide as the newest one.';

-- Waits for all three locks together no longer than patience_ms, and holds them for the milliseconds that the catalog
-- takes; the files go after the commit. CONCURRENTLY is not to be had beside a default partition.
create function millrace.retire_partition(parent text, partition text, patience_ms integer, rehome boolean) returns integer
  language plpgsql
  as $$
  declare
    started timestamptz := clock_timestamp();
    name text;
    key text := case parent when 'run' then 'id' else 'run_id' end;
    moved integer := 0;
    bytes bigint;
  begin
    perform from millrace.partition p
    where p.parent = retire_partition.parent and p.name = retire_partition.partition and p.from_at is not null;
    if not found then
      return 0;
    end if;
    if rehome then
      execute format('select count(*), sum(pg_column_size(r)) from (select * from millrace.%I order by %I limit 5001) r', partition, key)
        into moved, bytes;
      if moved > 5000 or bytes > 16 * 1024 * 1024 then
        return -1;
      end if;
    end if;
    foreach name in array array[parent, parent || '_default', partition] loop
      perform set_config('lock_timeout', greatest(1, patience_ms
        - (extract(epoch from clock_timestamp() - started) * 1000)::integer)::text, true);
      execute format('lock table only millrace.%I in access exclusive mode', name);
    end loop;
    if rehome then
      execute format('alter table millrace.%I detach partition millrace.%I', parent, partition);
      execute format('insert into millrace.%I overriding system value select * from millrace.%I order by %I',
        parent, partition, key);
      get diagnostics moved = row_count;
    end if;
    execute format('drop table millrace.%I', partition);
    return moved;
  end $$;
comment on function millrace.retire_partition is
  'Drops a partition; with rehome, the rows in it move to the default partition first, and -1 says that they are too many (5,000 or 16 MB). Raises lock_not_available when others hold the tables for longer than patience_ms.';

-- ---------------------------------------------------------------------------------------------------------------------
-- What the pruner saw when it last looked into a part of the history.

create table millrace.history_look (
  from_at timestamptz not null,
  to_at timestamptz not null,
  looked_at timestamptz not null,
  runs bigint not null,
  open bigint not null,
  dead bigint not null,
  rerun bigint not null,
  young bigint not null,
  primary key (from_at, to_at)
);
comment on table millrace.history_look is 'Why a part of the history is still there: its runs, and of them those that stay because they are open, are unhandled dead letters, have a rerun that stays, or are not old enough.';

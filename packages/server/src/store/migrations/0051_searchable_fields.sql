-- additive: jobs may declare fields of their inputs by whose values their runs are found at once. A job that declares none costs as much as before.

create function millrace.field_mark(path text, value text) returns bigint
  language sql stable parallel safe
  as $$
    select ('x' || left(encode(sha256(convert_to(path || '=' || value, 'UTF8')), 'hex'), 16))::bit(64)::bigint
  $$;
comment on function millrace.field_mark is
  'What stands for the value of a field in the index: 64 bits of a hash, however long it is. Two values may share one, so whoever finds a run by it looks at its input as well.';

-- ---------------------------------------------------------------------------------------------------------------------
-- The marks: of each run of a job with declared fields one a field, in partitions as all of the history is. A run whose input was replaced
-- while it was debounced keeps the marks of the inputs before as well.

create table millrace.run_field (
  mark bigint not null,
  run_id uuid not null,
  primary key (mark, run_id)
) partition by range (run_id);
create table millrace.run_field_default partition of millrace.run_field default;
-- For who takes runs out of the history: marks are written in the order of their runs, so that a few blocks a window have them.
create index run_field_runs on millrace.run_field using brin (run_id) with (pages_per_range = 16, autosummarize = true);
comment on table millrace.run_field is 'The values of searchable fields, each as a mark of field_mark.';

create table millrace.job_field (
  job text not null,
  path text not null,
  since timestamptz,
  waits_for text[],
  primary key (job, path)
);
comment on table millrace.job_field is 'Which fields of their inputs jobs declare as searchable.';
comment on column millrace.job_field.path is 'The keys that lead to it, with dots between them.';
comment on column millrace.job_field.since is
  'Runs that were accepted from then on have marks; of those before some may have none. Null until that is known.';
comment on column millrace.job_field.waits_for is
  'The transactions that were open when the declaration had been committed: one that cannot see it may ask for runs without marks until it ends.';

-- The index covers what is asked for after every transaction has ended that may not see the declaration (one of an application may be repeatable
-- read). A look notes who is open, and a later one sees that they are gone; the locks that tell it are to be seen by every role.
create function millrace.prove_fields() returns integer
  language plpgsql
  as $$
  declare
    unproven integer;
  begin
    -- Ids know milliseconds.
    update millrace.job_field f set since = clock_timestamp() + interval '1 millisecond', waits_for = null
    where f.since is null and f.waits_for is not null and not exists (
      select from pg_locks l where l.locktype = 'virtualxid' and l.mode = 'ExclusiveLock' and l.virtualtransaction = any (f.waits_for));
    update millrace.job_field f
    set waits_for = array(
      select l.virtualtransaction from pg_locks l join pg_stat_activity a on a.pid = l.pid
      where l.locktype = 'virtualxid' and l.mode = 'ExclusiveLock' and l.pid <> pg_backend_pid()
        -- Vacuum, which may take hours, asks for no runs; it is nobody's.
        and a.usesysid is not null and a.datname = current_database())
    where f.since is null and f.waits_for is null;
    select count(*) into unproven from millrace.job_field f where f.since is null;
    return unproven;
  end $$;
comment on function millrace.prove_fields is
  'Notes from when on the index of declared fields is complete, where that can be told by now; answers of how many it cannot. To be called outside of the transaction that declares them.';

-- With the rights of its owner: whoever may ask for runs in SQL, by rights that were granted before there were marks, writes them, too. It writes
-- nothing that does not stand in a run, so it is no harm in anybody's hands.
create function millrace.mark_runs(first uuid, last uuid) returns void
  language plpgsql
  security definer set search_path = pg_catalog, pg_temp
  as $$
  begin
    insert into millrace.run_field (mark, run_id)
    select millrace.field_mark(p.path, v.value), r.id
    from millrace.run r
    join millrace.job j on j.name = r.job and j.searchable is not null
    cross join lateral jsonb_array_elements_text(j.searchable) p(path)
    cross join lateral (select r.input #>> string_to_array(p.path, '.')) v(value)
    where r.id >= first and r.id <= last and v.value is not null
      -- What is encrypted is not looked into.
      and not r.input ? '$sealed'
    on conflict do nothing;
  end $$;
comment on function millrace.mark_runs is 'Writes the marks of the runs between two ids whose jobs declare searchable fields.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Partitions and the ways in, as they are but for what is said here. Their texts are taken from the database, because whatever has changed them
-- before is to stay.

create function pg_temp.patch(name text, find text, put text) returns void
  language plpgsql
  as $$
  declare
    old text := pg_get_functiondef(name::regprocedure);
    new text := replace(old, find, put);
  begin
    if new = old then
      raise exception 'migration 51 does not find in % what it changes: %', name, find;
    end if;
    execute new;
  end $$;

select pg_temp.patch('millrace.ensure_partitions(date, integer, integer, text)', $$('step', 100)$$, $$('step', 100), ('run_field', 100)$$);

select pg_temp.patch('millrace.enqueue_alike(text, millrace.run_trigger, text)',
  'j.gated or q.gated as gated into', 'j.gated or q.gated as gated, j.searchable is not null as marked into');
select pg_temp.patch('millrace.enqueue_alike(text, millrace.run_trigger, text)',
  $$    ids := array_to_string(made, ',');$$,
  $$    if chosen.marked then
      perform millrace.mark_runs(made[1], made[cardinality(made)]);
    end if;

    ids := array_to_string(made, ',');$$);

select pg_temp.patch('millrace.enqueue_one(jsonb, integer, uuid)',
  'j.gated or q.gated as gated,', 'j.gated or q.gated as gated, j.searchable is not null as marked,');
select pg_temp.patch('millrace.enqueue_one(jsonb, integer, uuid)',
  $$    if expires is not null then
      insert into$$,
  $$    if chosen.marked then
      perform millrace.mark_runs(id, id);
    end if;
    if expires is not null then
      insert into$$);

-- Whether any of the items has a job with searchable fields is told by a setting: a query of its own that asks for it would cost each call of every
-- job a tenth as much again. All ids of a call are of one millisecond; others of it have their marks already.
select pg_temp.patch('millrace.enqueue_many(jsonb)',
  'j.gated or q.gated as gated,', 'j.gated or q.gated as gated, j.searchable is not null as marked,');
select pg_temp.patch('millrace.enqueue_many(jsonb)',
  $$    select id, true, queue, due_at from item order by ord;
    get diagnostics wrong = row_count;
$$,
  $$    select id, case when marked then set_config('millrace.marked', 'yes', true) = 'yes' else true end, queue, due_at from item order by ord;
    get diagnostics wrong = row_count;
    if current_setting('millrace.marked', true) = 'yes' then
      perform set_config('millrace.marked', '', true);
      perform millrace.mark_runs((head || '000-0000-000000000000')::uuid, (head || 'fff-ffff-ffffffffffff')::uuid);
    end if;
$$);

select pg_temp.patch('millrace.collapse_into(jsonb, integer, uuid)',
  $$        returning r.id, false, r.queue, due into run_id, created, queue, due_at;
$$,
  $$        returning r.id, false, r.queue, due into run_id, created, queue, due_at;
        if exists (select from millrace.job j where j.name = item ->> 'job' and j.searchable is not null) then
          perform millrace.mark_runs(held.run_id, held.run_id);
        end if;
$$);

drop function pg_temp.patch(text, text, text);

alter table millrace.job add column searchable jsonb;
comment on column millrace.job.searchable is
  'A list of paths into the input, such as "order.id", by whose values its runs are found at once; null for none.';
create index job_searchable on millrace.job (name) where searchable is not null;

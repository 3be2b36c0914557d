-- additive: a job that is disabled and a queue that is drained take no new runs; what an operation has dismissed is opened again by another.
-- A server of the version before shows a disabled job as paused, and its resume enables it.

-- Functions as they are but for what is said here. Their texts are taken from the database, because whatever has changed them before is to stay.
create function pg_temp.patch(name text, find text, put text) returns void
  language plpgsql
  as $$
  declare
    old text := pg_get_functiondef(name::regproc);
    new text := replace(old, find, put);
  begin
    if new = old then
      raise exception 'migration 49 does not find in % what it changes: %', name, find;
    end if;
    execute new;
  end $$;

alter table millrace.pause add column disabled boolean not null default false;
create index pause_disabled on millrace.pause (job) where disabled;
comment on column millrace.pause.disabled is 'Of a whole job: nothing that waits starts, and nothing new is taken either.';

-- With the rights of its owner, as has_subject: whoever may ask for runs in SQL, by rights that were granted before, is asked about, too. It
-- names all that it uses, and so needs no search path of its own.
create function millrace.is_disabled(of_job text) returns boolean
  language plpgsql stable
  security definer
  as $$
  begin
    return exists (select from millrace.pause p where p.disabled and (of_job is null or p.job operator(pg_catalog.=) of_job));
  end $$;
comment on function millrace.is_disabled is 'Whether a job is disabled, or was until a moment ago; of null, whether any is.';

create function millrace.refuse_closed(items jsonb) returns void
  language plpgsql
  security definer set search_path = pg_catalog, pg_temp
  as $$
  declare
    closed record;
    by_whom text;
  begin
    -- A child is of what is under way already, and one that was refused would fail its parent. What asks again for a run that is there gets it.
    select c.disabled, c.name, c.by_whom, c.reason, c.until, string_agg((c.ord - 1)::text, ',' order by c.ord) as places into closed
    from (
      select i.ord, p.job is not null as disabled, coalesce(p.job, q.name) as name,
        case when p.job is not null then p.paused_by else q.drained_by end as by_whom,
        case when p.job is not null then p.reason else q.drain_reason end as reason,
        case when p.job is not null then p.until else q.drained_until end as until
      from jsonb_array_elements(items) with ordinality i(value, ord)
      join millrace.job j on j.name = i.value ->> 'job'
      left join millrace.pause p on p.job = j.name and p.disabled and (p.until is null or p.until > clock_timestamp())
      left join millrace.queue q on q.name = coalesce(i.value ->> 'queue', j.queue)
        and q.drained_at is not null and (q.drained_until is null or q.drained_until > clock_timestamp())
      where (p.job is not null or q.name is not null)
        and coalesce(i.value ->> 'trigger', 'sql') <> 'parent'
        and not exists (
          select from millrace.idempotency_key k where k.job = (i.value ->> 'job') collate "C" and k.key = (i.value ->> 'key') collate "C")
    ) c
    group by c.disabled, c.name, c.by_whom, c.reason, c.until order by min(c.ord) limit 1;
    if not found then
      return;
    end if;
    by_whom := closed.by_whom || coalesce(to_char(closed.until at time zone 'UTC', '", until "YYYY-MM-DD"T"HH24:MI:SS"Z"'), '')
      || coalesce(': ' || closed.reason, '');
    if closed.disabled then
      raise exception 'job % is disabled by %', quote_literal(closed.name), by_whom
        using errcode = 'ML012', detail = closed.places, hint = 'Nothing starts it until it is enabled: millrace jobs enable.';
    end if;
    raise exception 'queue % is being drained by %', quote_literal(closed.name), by_whom
      using errcode = 'ML013', detail = closed.places, hint = 'It takes no more runs until it is reopened: millrace queues reopen.';
  end $$;
comment on function millrace.refuse_closed is
  'Raises ML012 if items of millrace.enqueue_many are of a job that is disabled, ML013 if they are for a queue that is drained; the detail is the numbers of those of the first such, from 0, with commas.';

create or replace function millrace.audit_pause() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
  begin
    perform millrace.note_audit(
      case
        when tg_op = 'DELETE' then case when old.disabled then 'job.enabled' else 'job.resumed' end
        when new.disabled then 'job.disabled'
        else 'job.paused'
      end,
      'job:' || coalesce(new.job, old.job),
      to_jsonb(old) - 'job' - 'disabled',
      to_jsonb(new) - 'job' - 'disabled');
    return null;
  end $$;

drop trigger audit_changed on millrace.pause;
create constraint trigger audit_changed after update on millrace.pause deferrable initially deferred
  for each row when ((old.job, old.key, old.whole, old.disabled, old.paused_by, old.reason, old.until)
      is distinct from (new.job, new.key, new.whole, new.disabled, new.paused_by, new.reason, new.until)
    and (old.paused_by <> 'millrace' or new.paused_by <> 'millrace'))
  execute function millrace.audit_pause();

create or replace function millrace.audit_queue() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
  declare
    hidden constant text[] := array['gated', 'limited_at', 'depth', 'depth_at'];
  begin
    perform millrace.note_audit(
      case
        when tg_op = 'INSERT' then 'queue.defined'
        when tg_op = 'DELETE' then 'queue.removed'
        when (old.paused_at, old.paused_by, old.pause_reason, old.paused_until)
          is distinct from (new.paused_at, new.paused_by, new.pause_reason, new.paused_until)
          then case when new.paused_at is null then 'queue.resumed' else 'queue.paused' end
        when (old.drained_at, old.drained_by, old.drain_reason, old.drained_until)
          is distinct from (new.drained_at, new.drained_by, new.drain_reason, new.drained_until)
          then case when new.drained_at is null then 'queue.reopened' else 'queue.drained' end
        when old.limited_by is not null and new.limited_by is null then 'queue.limits_reset'
        when old.defined is distinct from new.defined then 'queue.defined'
        else 'queue.limited'
      end,
      'queue:' || coalesce(new.name, old.name),
      to_jsonb(old) - hidden,
      to_jsonb(new) - hidden);
    return null;
  end $$;

alter table millrace.queue
  add column drained_at timestamptz,
  add column drained_by text,
  add column drain_reason text,
  add column drained_until timestamptz;
comment on column millrace.queue.drained_at is 'Since when it takes no new runs, while those that are there are worked off; null for one that takes them.';

drop trigger audit_changed on millrace.queue;
create constraint trigger audit_changed
  after update of name, concurrency, rate, max_depth, limited_by, defined, paused_at, paused_by, pause_reason, paused_until,
    drained_at, drained_by, drain_reason, drained_until on millrace.queue deferrable initially deferred
  for each row when ((old.name, old.concurrency, old.rate, old.max_depth, old.limited_by, old.defined, old.paused_at, old.paused_by, old.pause_reason, old.paused_until,
      old.drained_at, old.drained_by, old.drain_reason, old.drained_until)
    is distinct from (new.name, new.concurrency, new.rate, new.max_depth, new.limited_by, new.defined, new.paused_at, new.paused_by, new.pause_reason, new.paused_until,
      new.drained_at, new.drained_by, new.drain_reason, new.drained_until))
  execute function millrace.audit_queue();

do $$
  begin
    perform pg_temp.patch('millrace.enqueue_many',
      '    if exists (select from millrace.queue q where q.depth >= q.max_depth) then',
      '    if exists (select from millrace.queue q where q.drained_at is not null and (q.drained_until is null or q.drained_until > clock_timestamp()))
      or millrace.is_disabled(null) then
      perform millrace.refuse_closed(items);
    end if;
    if exists (select from millrace.queue q where q.depth >= q.max_depth) then');
    -- It answers nothing then, and the general way says why. What is paused or disabled passes the gate.
    perform pg_temp.patch('millrace.enqueue_alike',
      '(q.depth >= q.max_depth) is not true;',
      '(q.depth >= q.max_depth) is not true
      and (q.drained_at is null or q.drained_until <= clock_timestamp())
      and not (j.gated and millrace.is_disabled(j.name));');
  end $$;

drop function pg_temp.patch(text, text, text);

-- Dead letters that an operation has dismissed are opened again by another.
alter type millrace.operation_kind add value 'reopen';

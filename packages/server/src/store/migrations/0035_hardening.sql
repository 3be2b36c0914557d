-- additive: how many runs may wait in a queue; secrets of subscriptions that overlap. Additive.

set local lock_timeout = '5s';

-- ---------------------------------------------------------------------------------------------------------------------
-- How many runs wait is counted once in a while, for queues with a limit alone; enqueueing compares two columns of a row that it
-- reads anyway. So a queue may get more than its limit: what comes between two counts.

alter table millrace.queue
  add column max_depth integer constraint queue_max_depth_positive check (max_depth > 0),
  add column depth integer,
  add column depth_at timestamptz;
comment on column millrace.queue.max_depth is 'How many runs may wait in it; null for as many as come.';
comment on column millrace.queue.depth is 'How many waited when they were last counted (ready, held back or delayed), of a queue with max_depth.';

create function millrace.refuse_full(items jsonb) returns void
  language plpgsql
  as $$
  declare
    full_one record;
  begin
    -- A count that nobody has renewed for minutes says nothing any more: who counts is gone, and the queue may be empty. What the
    -- platform starts by itself is bounded by what it comes from, and a child that was refused would fail its parent.
    select q.name, q.depth, q.max_depth, string_agg((i.ord - 1)::text, ',' order by i.ord) as places into full_one
    from jsonb_array_elements(items) with ordinality i(value, ord)
    join millrace.job j on j.name = i.value ->> 'job'
    join millrace.queue q on q.name = coalesce(i.value ->> 'queue', j.queue)
    where q.depth >= q.max_depth and q.depth_at > clock_timestamp() - interval '5 minutes'
      and coalesce(i.value ->> 'trigger', 'sql') in ('api', 'call', 'webhook', 'sql')
      and not exists (
        select from millrace.idempotency_key k where k.job = (i.value ->> 'job') collate "C" and k.key = (i.value ->> 'key') collate "C")
    group by q.name order by min(i.ord) limit 1;
    if found then
      raise exception 'queue % is full: % runs wait in it, and it takes no more from % on', quote_literal(full_one.name), full_one.depth, full_one.max_depth
        using errcode = 'ML011', detail = full_one.places,
          hint = 'Ask again when some have started; millrace queues limit changes how many may wait.';
    end if;
  end $$;
comment on function millrace.refuse_full is
  'Raises ML011 if items of millrace.enqueue_many are for a queue that is full; the detail is the numbers of all of them, from 0, with commas.';

-- The ways in, as they are but for one line each. Their texts are taken from the database, because whatever has changed them before is
-- to stay.
do $patch$
  declare
    change record;
    old text;
    new text;
  begin
    for change in
      select * from (values
        ('millrace.enqueue_many',
         $$    if exists (select from jsonb_array_elements(items) i where i ? 'key')$$,
         $$    if exists (select from millrace.queue q where q.depth >= q.max_depth) then
      perform millrace.refuse_full(items);
    end if;
    if exists (select from jsonb_array_elements(items) i where i ? 'key')$$),
        -- It answers nothing then, and the general way says why.
        ('millrace.enqueue_alike',
         'j.collapse is null;',
         'j.collapse is null and (q.depth >= q.max_depth) is not true;')
      ) as c(name, find, put)
    loop
      old := pg_get_functiondef(change.name::regproc);
      new := replace(old, change.find, change.put);
      if new = old then
        raise exception 'migration 35 does not find in % what it changes', change.name;
      end if;
      execute new;
    end loop;
  end $patch$;

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
        when old.limited_by is not null and new.limited_by is null then 'queue.limits_reset'
        when old.defined is distinct from new.defined then 'queue.defined'
        else 'queue.limited'
      end,
      'queue:' || coalesce(new.name, old.name),
      to_jsonb(old) - hidden,
      to_jsonb(new) - hidden);
    return null;
  end $$;

drop trigger audit_changed on millrace.queue;
create constraint trigger audit_changed
  after update of name, concurrency, rate, max_depth, limited_by, defined, paused_at, paused_by, pause_reason, paused_until on millrace.queue deferrable initially deferred
  for each row when ((old.name, old.concurrency, old.rate, old.max_depth, old.limited_by, old.defined, old.paused_at, old.paused_by, old.pause_reason, old.paused_until)
    is distinct from (new.name, new.concurrency, new.rate, new.max_depth, new.limited_by, new.defined, new.paused_at, new.paused_by, new.pause_reason, new.paused_until))
  execute function millrace.audit_queue();

-- ---------------------------------------------------------------------------------------------------------------------
-- A subscription gets another secret, and deliveries are signed under both for a while.

alter table millrace.webhook_subscription add column older_secrets jsonb not null default '[]';
comment on column millrace.webhook_subscription.older_secrets is
  'A list of {name, until}, the newest first: the secrets of before, under which deliveries are signed as well until then.';

-- ---------------------------------------------------------------------------------------------------------------------
-- A second factor of people with a password: codes by time (RFC 6238). It is in a table of its own, so that nobody but the API need read it.

create table millrace.second_factor (
  person_id uuid primary key references millrace.person (id) on delete cascade,
  wrapped_key bytea not null,
  sealed bytea not null,
  key_id text not null generated always as (encode(substr(wrapped_key, 2, 4), 'hex')) stored,
  last_step bigint not null,
  recovery bytea[] not null,
  created_at timestamptz not null default clock_timestamp()
);
comment on table millrace.second_factor is 'Of people with a password. The secret is encrypted by Millrace, under keys that are not in the database.';
comment on column millrace.second_factor.last_step is 'The step of time of the last code that was taken: codes of it, and of those before, are spent.';
comment on column millrace.second_factor.recovery is 'The SHA-256 of the recovery codes that are left.';

create function millrace.audit_second_factor() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
  declare
    person constant millrace.person := (select p from millrace.person p where p.id = coalesce(new.person_id, old.person_id));
  begin
    perform millrace.note_audit(
      case
        when tg_op = 'DELETE' then 'person.second_factor_removed'
        when tg_op = 'UPDATE' and old.created_at = new.created_at then 'person.recovery_code_used'
        else 'person.second_factor_set'
      end,
      'person:' || coalesce(person.email, coalesce(new.person_id, old.person_id)::text),
      case when tg_op <> 'INSERT' then jsonb_build_object('recoveryCodes', cardinality(old.recovery), 'since', old.created_at) end,
      case when tg_op <> 'DELETE' then jsonb_build_object('recoveryCodes', cardinality(new.recovery), 'since', new.created_at) end);
    return null;
  end $$;

create constraint trigger audit_made after insert or delete on millrace.second_factor deferrable initially deferred
  for each row execute function millrace.audit_second_factor();
create constraint trigger audit_changed after update of recovery, created_at on millrace.second_factor deferrable initially deferred
  for each row when ((old.recovery, old.created_at) is distinct from (new.recovery, new.created_at))
  execute function millrace.audit_second_factor();

-- ---------------------------------------------------------------------------------------------------------------------
-- What is sealed is read by workers, for their jobs. The API checks signatures and maintenance makes them: each gets the secrets of webhooks, by functions that
-- run with the rights of their owner, and no others.

create function millrace.endpoint_secrets(endpoint text)
  returns table (name text, version integer, bound boolean, hosts text[], source text, wrapped_key bytea, sealed bytea)
  language sql stable
  security definer set search_path = pg_catalog, pg_temp
  as $$
    select s.name, s.version, b.bound, s.hosts,
      case when b.bound then s.source end,
      case when b.bound then s.wrapped_key end,
      case when b.bound then s.sealed end
    from millrace.webhook_endpoint e cross join jsonb_array_elements(e.secrets) x(item)
    join millrace.secret s on s.name = x.item ->> 'name',
    lateral (select s.jobs is null or e.job = any (s.jobs) as bound) b
    where e.name = endpoint and s.project = e.project
  $$;
comment on function millrace.endpoint_secrets is 'Those under which may be signed for an endpoint, of its project, as far as they are bound to its job.';

create function millrace.sending_secrets(names text[])
  returns table (name text, version integer, bound boolean, hosts text[], source text, wrapped_key bytea, sealed bytea)
  language sql stable
  security definer set search_path = pg_catalog, pg_temp
  as $$
    select s.name, s.version, true, s.hosts, s.source, s.wrapped_key, s.sealed
    from millrace.secret s where s.name = any (names) and s.jobs = array['_webhooks']
  $$;
comment on function millrace.sending_secrets is 'Of these secrets, those of subscriptions.';

revoke execute on function millrace.endpoint_secrets(text), millrace.sending_secrets(text[]) from public;

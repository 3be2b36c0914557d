-- additive: webhooks: what others send to start jobs, and what is sent to others when runs end.

-- ---------------------------------------------------------------------------------------------------------------------
-- In.

create table millrace.webhook_endpoint (
  name text primary key constraint webhook_endpoint_name_form check (millrace.is_name(name)),
  id text not null unique constraint webhook_endpoint_id_form check (id ~ '^[A-Za-z0-9_-]{32}$'),
  scheme text not null constraint webhook_endpoint_scheme_known check (scheme in ('standard', 'github', 'stripe', 'slack')),
  job text not null,
  secrets jsonb not null,
  mapping jsonb,
  enabled boolean not null,
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null,
  changed_at timestamptz not null default clock_timestamp(),
  changed_by text not null
);
comment on table millrace.webhook_endpoint is 'Where others send webhooks to, below /hooks/.';
comment on column millrace.webhook_endpoint.id is 'The last part of the address: it cannot be guessed, and proves nothing.';
comment on column millrace.webhook_endpoint.secrets is 'A list of {name, until}: the secrets of Millrace under which may be signed, the newest first; until is null for ever.';
comment on column millrace.webhook_endpoint.mapping is 'What becomes of the body; null when it is the input.';

create table millrace.webhook_receipt (
  id uuid primary key,
  endpoint text not null,
  outcome text not null,
  delivery_id text,
  run_id uuid,
  bytes integer not null,
  error text
);
create index webhook_receipt_of_endpoint on millrace.webhook_receipt (endpoint, id);
comment on table millrace.webhook_receipt is 'The log of what came in. Its time is in the id.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Out.

create table millrace.webhook_subscription (
  name text primary key constraint webhook_subscription_name_form check (millrace.is_name(name)),
  url text not null,
  events text[] not null constraint webhook_subscription_events_some check (cardinality(events) > 0),
  job text,
  secret text not null,
  enabled boolean not null,
  disabled_reason text,
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null,
  changed_at timestamptz not null default clock_timestamp(),
  changed_by text not null
);
comment on table millrace.webhook_subscription is 'Whom to tell of what.';
comment on column millrace.webhook_subscription.job is 'Of whose runs; null for all.';
comment on column millrace.webhook_subscription.secret is 'The row of millrace.secret under which deliveries are signed; made with the subscription.';

create table millrace.webhook_delivery (
  id uuid primary key,
  subscription text not null,
  event text not null,
  run_id uuid,
  body text not null,
  due_at timestamptz default clock_timestamp(),
  attempts smallint not null default 0,
  outcome text,
  last_at timestamptz,
  status smallint,
  error text,
  answer text
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
create index webhook_delivery_of_subscription on millrace.webhook_delivery (subscription, id);
create index webhook_delivery_due on millrace.webhook_delivery (due_at) where due_at is not null;
comment on table millrace.webhook_delivery is 'What is to be told to subscriptions, and the log of what was. When it happened is in the id.';
comment on column millrace.webhook_delivery.body is 'JSON text. It is sent as it stands, so that a later attempt has the same bytes.';
comment on column millrace.webhook_delivery.due_at is 'When it is tried next; null when there is an outcome. While it is tried, it is ahead: who dies over it leaves it to others.';

create function millrace.new_uuid() returns uuid
  language sql volatile
  as $$
    select (substr(millrace.uuid_floor(clock_timestamp())::text, 1, 14) || '7' || substr(gen_random_uuid()::text, 16))::uuid
  $$;
comment on function millrace.new_uuid is 'A UUIDv7 of now.';

-- ---------------------------------------------------------------------------------------------------------------------
-- The end of a run is told to subscriptions in the transaction that ends it, whoever does. Nobody may pay for it who has none: so whether there
-- are any is asked by the condition of the trigger that there is already, and once a statement, not once a run. That is why this says that it is
-- immutable, which it is only for as long as a statement takes: the condition of a trigger is prepared anew by each statement, and what is
-- immutable is computed then. It must be called from nowhere else, for plans of other statements are kept.

create function millrace.is_any_subscribed() returns boolean
  language plpgsql immutable
  as $$
  begin
    return exists (select from millrace.webhook_subscription where enabled);
  end $$;
comment on function millrace.is_any_subscribed is 'For the condition of the trigger "ended" alone: true only as long as a statement takes.';

create function millrace.tell_subscriptions(ended millrace.run) returns void
  language sql
  as $$
    insert into millrace.webhook_delivery (id, subscription, event, run_id, body)
    select millrace.new_uuid(), s.name, e.event, ended.id, jsonb_build_object(
      'type', e.event,
      'timestamp', to_char(ended.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      'data', jsonb_build_object('runId', ended.id, 'job', ended.job, 'queue', ended.queue, 'state', ended.state,
        'trigger', ended.trigger, 'attempts', ended.attempts, 'correlationId', ended.correlation_id,
        'createdAt', to_char(millrace.uuid_time(ended.id) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        'error', (select jsonb_build_object('class', d.error_class, 'message', d.error_message)
          from millrace.dead_letter d where d.run_id = ended.id)))::text
    from millrace.webhook_subscription s
    cross join lateral unnest(case ended.state when 'failed' then array['run.failed', 'run.dead_lettered']
      else array['run.' || ended.state::text] end) e(event)
    where s.enabled and e.event = any (s.events) and (s.job is null or s.job = ended.job)
  $$;

create or replace function millrace.note_end() returns trigger
  language plpgsql
  as $$
  begin
    if new.compensates and new.state in ('cancelled', 'failed') and millrace.unwind(new) then
      return null;
    end if;
    if new.trigger = 'parent' then
      insert into millrace.child_end (run_id) values (new.id);
    end if;
    if new.parent then
      insert into millrace.orphaning (parent) values (new.id);
    end if;
    if exists (select from millrace.webhook_subscription where enabled) then
      perform millrace.tell_subscriptions(new);
    end if;
    return null;
  end $$;

drop trigger ended on millrace.run;
create trigger ended after update of state on millrace.run
  for each row when (old.state is null and new.state is not null
    and (new.trigger = 'parent' or new.parent or new.compensates or millrace.is_any_subscribed()))
  execute function millrace.note_end();

-- ---------------------------------------------------------------------------------------------------------------------
-- What is configured of them is on record like all that is. Of a URL the audit has the host alone: what comes after it may let in whoever
-- knows it.

create function millrace.audited_webhook(webhook jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
  as $$
    select case when webhook ->> 'url' is null then webhook
      else webhook || jsonb_build_object('url', substring(webhook ->> 'url' from '^[^/]*//[^/?#]*'),
        'urlDigest', 'sha256:' || encode(sha256(convert_to(webhook ->> 'url', 'UTF8')), 'hex')) end
  $$;

create function millrace.audit_webhook() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
  begin
    perform millrace.note_audit(
      case tg_op when 'INSERT' then 'webhook.created' when 'DELETE' then 'webhook.removed' else 'webhook.changed' end,
      'webhook:' || coalesce(new.name, old.name),
      millrace.audited_webhook(to_jsonb(old)),
      millrace.audited_webhook(to_jsonb(new)));
    return null;
  end $$;

create constraint trigger audit_made after insert or delete on millrace.webhook_endpoint deferrable initially deferred
  for each row execute function millrace.audit_webhook();
create constraint trigger audit_changed after update on millrace.webhook_endpoint deferrable initially deferred
  for each row when (to_jsonb(old) - 'changed_at' is distinct from to_jsonb(new) - 'changed_at')
  execute function millrace.audit_webhook();
create constraint trigger audit_made after insert or delete on millrace.webhook_subscription deferrable initially deferred
  for each row execute function millrace.audit_webhook();
create constraint trigger audit_changed after update on millrace.webhook_subscription deferrable initially deferred
  for each row when (to_jsonb(old) - 'changed_at' is distinct from to_jsonb(new) - 'changed_at')
  execute function millrace.audit_webhook();

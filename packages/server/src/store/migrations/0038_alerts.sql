-- additive: alerts, which Millrace decides by itself: rules, what fires, whom to tell, and what rules count. Additive.

set local lock_timeout = '5s';

-- ---------------------------------------------------------------------------------------------------------------------
-- What rules count that no index finds: how attempts and calls ended, by the minute, as workers tell four times a minute; and what happens
-- seldom, a row a statement. Kept for two hours.

create table millrace.tally (
  kind text not null constraint tally_kind_known check (kind in ('attempts', 'calls')),
  at timestamptz not null,
  project text not null,
  name text not null,
  count integer not null,
  failed integer not null,
  within integer[] not null,
  primary key (kind, at, project, name)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
comment on table millrace.tally is 'How attempts of jobs, and calls to hosts, ended in each minute, by what workers tell.';
comment on column millrace.tally.within is 'Of calls, how many took as long as each of a few bounds allows, the slowest last.';

create table millrace.alert_signal (
  kind text not null,
  at timestamptz not null default clock_timestamp(),
  name text not null,
  count integer not null default 1
);
create index alert_signal_at on millrace.alert_signal (kind, at);
comment on table millrace.alert_signal is 'Dead letters by job, and occurrences by schedule that were missed or late, when they came to be.';

create table millrace.alert_sample (
  queue text not null,
  at timestamptz not null,
  runs integer not null,
  primary key (queue, at)
);
comment on table millrace.alert_sample is 'What waited in queues in each minute, to see what grows.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Rules.

create table millrace.alert_rule (
  name text primary key constraint alert_rule_name_form check (millrace.is_name(name)),
  kind text not null,
  project text references millrace.project (name) on delete cascade,
  subject text,
  threshold double precision,
  for_ms double precision constraint alert_rule_for_positive check (for_ms >= 0),
  window_ms double precision constraint alert_rule_window_positive check (window_ms > 0),
  severity text constraint alert_rule_severity_known check (severity in ('critical', 'warning', 'info')),
  enabled boolean not null default true,
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null,
  changed_at timestamptz not null default clock_timestamp(),
  changed_by text not null
);
comment on table millrace.alert_rule is 'What is to be told of, besides one rule of each kind, named as that, which is there without a row. What is null of a rule is as its kind has it, in the code.';
comment on column millrace.alert_rule.project is 'Of which alone it is; null for the whole installation.';
comment on column millrace.alert_rule.subject is 'The queue, job, host or schedule that it is about; null for all.';

-- ---------------------------------------------------------------------------------------------------------------------
-- What fires, and what did.

create table millrace.alert (
  id uuid primary key,
  rule text not null,
  kind text not null,
  project text,
  subject text not null,
  state text not null constraint alert_state_known check (state in ('pending', 'firing', 'resolved')),
  severity text not null,
  value double precision not null,
  threshold double precision not null,
  detail text,
  since timestamptz not null,
  fired_at timestamptz,
  clear_since timestamptz,
  resolved_at timestamptz,
  acknowledged_at timestamptz,
  acknowledged_by text,
  note text
) with (fillfactor = 70);
create unique index alert_open on millrace.alert (rule, subject, (coalesce(project, ''))) where state <> 'resolved';
comment on table millrace.alert is 'Of each rule what it is about now, and what it was about. Its beginning is in the id.';
comment on column millrace.alert.clear_since is 'Since when it would not fire; it is resolved when that lasts.';

create table millrace.alert_round (
  one boolean primary key default true constraint alerts_have_one_round check (one),
  next_at timestamptz not null default '-infinity',
  decided_at timestamptz
);
comment on table millrace.alert_round is 'Whoever decides alerts holds this row; so it is one at a time, whoever it is.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Whom to tell, and what was told.

create table millrace.alert_silence (
  id uuid primary key,
  project text references millrace.project (name) on delete cascade,
  rule text,
  subject text,
  until timestamptz not null,
  reason text,
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null
);
comment on table millrace.alert_silence is 'Of what nobody is told for a while.';

create table millrace.alert_target (
  name text primary key constraint alert_target_name_form check (millrace.is_name(name)),
  kind text not null constraint alert_target_kind_known check (kind in ('slack', 'email', 'pagerduty')),
  project text references millrace.project (name) on delete cascade,
  config jsonb not null,
  version integer not null,
  wrapped_key bytea,
  sealed bytea,
  key_id text generated always as (encode(substr(wrapped_key, 2, 4), 'hex')) stored,
  least_severity text not null constraint alert_target_severity_known check (least_severity in ('critical', 'warning', 'info')),
  enabled boolean not null,
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null,
  changed_at timestamptz not null default clock_timestamp(),
  changed_by text not null
);
comment on table millrace.alert_target is 'Who is told of alerts in another way than by a webhook. The credential is encrypted by Millrace, under keys that are not in the database.';
comment on column millrace.alert_target.version is 'Of the credential: each has a number of its own, to which it is bound.';

create table millrace.alert_group (
  recipient text not null,
  rule text not null,
  told uuid[] not null,
  told_at timestamptz not null,
  primary key (recipient, rule)
);
comment on table millrace.alert_group is 'Of which alerts of a rule somebody has been told, and when last.';
comment on column millrace.alert_group.recipient is '"target " or "subscription " and the name.';

create table millrace.alert_notification (
  id uuid primary key,
  target text not null,
  rule text,
  event text not null,
  body text not null,
  due_at timestamptz default clock_timestamp(),
  attempts smallint not null default 0,
  outcome text,
  last_at timestamptz,
  status smallint,
  error text,
  answer text
);
create index alert_notification_of_target on millrace.alert_notification (target, id);
create index alert_notification_due on millrace.alert_notification (due_at) where due_at is not null;
comment on table millrace.alert_notification is 'What is to be told to targets, and the log of what was. When it was written is in the id.';
comment on column millrace.alert_notification.due_at is 'When it is tried next; null when there is an outcome. While it is tried, it is ahead: who dies over it leaves it to others.';

-- Webhooks out are told of alerts, too. Runs pay nothing for a subscription that is told of alerts alone.
alter table millrace.webhook_subscription add column installation boolean not null default false;
comment on column millrace.webhook_subscription.installation is 'Whether it is told of the alerts of all projects, and of the installation itself.';

create or replace function millrace.is_any_subscribed() returns boolean
  language plpgsql immutable
  as $$
  begin
    return exists (
      select from millrace.webhook_subscription
      where enabled and events && array['run.completed', 'run.failed', 'run.cancelled', 'run.dead_lettered']);
  end $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- When a credential ends that somebody else has given, people know who set it.

alter table millrace.secret add column expires_at timestamptz;
comment on column millrace.secret.expires_at is 'When it stops working at the other side, as whoever set it has said. It is given to handlers after that as well.';

create function millrace.ending_credentials(until timestamptz)
  returns table (kind text, name text, project text, ends_at timestamptz)
  language sql stable
  security definer set search_path = pg_catalog, pg_temp
  as $$
    select 'key', k.name || ' (' || k.id || ')', case when cardinality(k.projects) = 1 then k.projects[1] end, k.expires_at
    from millrace.api_key k
    where k.expires_at < ending_credentials.until and k.expires_at > clock_timestamp() - interval '1 day' and k.revoked_at is null and k.successor is null
    union all
    select 'secret', s.name, s.project, s.expires_at from millrace.secret s where s.expires_at < ending_credentials.until
  $$;
comment on function millrace.ending_credentials is 'API keys and secrets that stop working before then, and nothing else of them. Both tables are small: as much as people have made by hand.';
revoke execute on function millrace.ending_credentials(timestamptz) from public;

-- ---------------------------------------------------------------------------------------------------------------------
-- What is configured is on record. Of a target's credential it shows that it is another, and of its addresses the host alone.

create function millrace.audited_alerting(item jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
  as $$ select (item - array['wrapped_key', 'sealed']) #- '{config,url}' $$;

create function millrace.audit_alerting() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
  declare
    called constant text := coalesce(to_jsonb(new) ->> tg_argv[1], to_jsonb(old) ->> tg_argv[1]);
  begin
    perform millrace.note_audit(
      tg_argv[0] || case tg_op when 'INSERT' then '.created' when 'DELETE' then '.removed' else '.changed' end,
      tg_argv[0] || ':' || called,
      millrace.audited_alerting(to_jsonb(old)),
      millrace.audited_alerting(to_jsonb(new)));
    return null;
  end $$;

create constraint trigger audit_made after insert or delete on millrace.alert_rule deferrable initially deferred
  for each row execute function millrace.audit_alerting('alert_rule', 'name');
create constraint trigger audit_changed after update on millrace.alert_rule deferrable initially deferred
  for each row when (to_jsonb(old) - 'changed_at' is distinct from to_jsonb(new) - 'changed_at')
  execute function millrace.audit_alerting('alert_rule', 'name');
create constraint trigger audit_made after insert or delete on millrace.alert_target deferrable initially deferred
  for each row execute function millrace.audit_alerting('alert_target', 'name');
-- That its key is put under another is noted once for all that is encrypted, by who does it.
create constraint trigger audit_changed
  after update of kind, project, config, version, least_severity, enabled on millrace.alert_target deferrable initially deferred
  for each row when ((old.kind, old.project, old.config, old.version, old.least_severity, old.enabled)
    is distinct from (new.kind, new.project, new.config, new.version, new.least_severity, new.enabled))
  execute function millrace.audit_alerting('alert_target', 'name');
create constraint trigger audit_made after insert on millrace.alert_silence deferrable initially deferred
  for each row execute function millrace.audit_alerting('alert_silence', 'id');
-- One that is over goes by itself.
create constraint trigger audit_removed after delete on millrace.alert_silence deferrable initially deferred
  for each row when (old.until > clock_timestamp()) execute function millrace.audit_alerting('alert_silence', 'id');

do $patch$
  declare
    old constant text := pg_get_functiondef('millrace.audited_project'::regproc);
    new constant text := replace(old, $$      when 'run' then$$,
      $$      when 'alert' then
        return case when called ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then (select a.project from millrace.alert a where a.id = called::uuid) end;
      when 'alert_rule' then
        return coalesce(told, (select r.project from millrace.alert_rule r where r.name = called));
      when 'alert_target' then
        return coalesce(told, (select t.project from millrace.alert_target t where t.name = called));
      when 'alert_silence' then
        return told;
      when 'run' then$$);
  begin
    if new = old then
      raise exception 'migration 38 does not find in millrace.audited_project what it changes';
    end if;
    execute new;
  end $patch$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Signals. Busy tables come last.

create function millrace.signal_dead_letters() returns trigger
  language plpgsql
  as $$
  begin
    insert into millrace.alert_signal (kind, name, count) select 'dead letter', f.job, count(*)::int from fresh f group by f.job;
    return null;
  end $$;

create function millrace.signal_occurrence() returns trigger
  language plpgsql
  as $$
  begin
    insert into millrace.alert_signal (kind, name) values (tg_argv[0], new.schedule);
    return null;
  end $$;

create trigger signalled_missed after insert on millrace.occurrence
  for each row when (new.missed) execute function millrace.signal_occurrence('missed');
create trigger signalled_late after update of alerted_at on millrace.occurrence
  for each row when (new.alerted_at is not null and old.alerted_at is null) execute function millrace.signal_occurrence('late');
create trigger signalled after insert on millrace.dead_letter referencing new table as fresh
  for each statement execute function millrace.signal_dead_letters();

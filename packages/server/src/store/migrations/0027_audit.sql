-- additive: the audit, who has done what and from where, in a chain that shows when somebody has changed it. Additive.

create table millrace.audit (
  seq bigint primary key,
  entry text not null,
  hash bytea not null constraint audit_hash_sha256 check (length(hash) = 32),
  -- Of the entry, so that no filter says anything else than what is hashed.
  at text collate "C" not null generated always as ((entry::jsonb) ->> 'at') stored,
  actor text not null generated always as ((entry::jsonb) ->> 'actor') stored,
  action text not null generated always as ((entry::jsonb) ->> 'action') stored,
  object text not null generated always as ((entry::jsonb) ->> 'object') stored
);
create index audit_at on millrace.audit (at, seq);
comment on table millrace.audit is 'Who has done what. It only grows; docs/audit.md says what is in it, and how to see that it is whole.';
comment on column millrace.audit.seq is 'From 1, without a gap.';
comment on column millrace.audit.entry is 'JSON, in just the characters that are hashed.';
comment on column millrace.audit.hash is 'SHA-256 of the hash before (32 zero bytes before the first) and the entry in UTF-8.';

create table millrace.audit_head (
  one boolean primary key default true constraint audit_has_one_head check (one),
  seq bigint not null,
  hash bytea not null
);
insert into millrace.audit_head (seq, hash) values (0, decode(repeat('00', 32), 'hex'));
comment on table millrace.audit_head is 'The last entry. Whoever writes one holds this row until the end of the transaction, and moves it last.';

-- ---------------------------------------------------------------------------------------------------------------------
-- The one way in. Whoever calls it holds the head until the transaction ends, so it comes last: by a deferred trigger, or as
-- the last statement. Who has whatever else locked may wait for the head, and nobody who has the head waits for anything.

create function millrace.note_audit(action text, object text, before jsonb default null, after jsonb default null)
  returns void
  language plpgsql
  -- With the rights of its owner: whoever may change something need not be able to write the audit otherwise.
  security definer set search_path = pg_catalog, pg_temp
  -- Whatever the session is set to: the last entry is found by the index, also in a table that was empty a moment ago. With a scan
  -- instead, 10,000 entries of one transaction take six times as long (23 s for 4 s).
  set enable_seqscan = off set jit = off
  as $$
  declare
    -- Set by the server for one transaction: {name, role, address, request}. Who changes something with psql has none.
    caller constant jsonb := nullif(current_setting('millrace.caller', true), '')::jsonb;
    last_seq bigint;
    last_hash bytea;
    own_seq bigint;
    own_hash bytea;
    next bigint;
    written text;
  begin
    -- It fails with 40001 in a transaction that reads an older snapshot, which could not see the entry to go on from.
    select h.seq, h.hash into strict last_seq, last_hash from millrace.audit_head h for no key update;
    -- The head moves once, at the end, however much a transaction notes: a row that one transaction writes a thousand times is
    -- found more slowly each time.
    select a.seq, a.hash into own_seq, own_hash from millrace.audit a where a.seq > last_seq order by a.seq desc limit 1;
    next := coalesce(own_seq, last_seq) + 1;
    written := json_build_object(
      'seq', next,
      'at', to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
      'actor', coalesce(caller ->> 'name', 'database:' || session_user),
      'role', caller ->> 'role',
      'address', case when caller is null then host(inet_client_addr()) else caller ->> 'address' end,
      'request', caller ->> 'request',
      'database', session_user,
      'action', note_audit.action,
      'object', note_audit.object,
      'before', note_audit.before,
      'after', note_audit.after)::text;
    insert into millrace.audit (seq, entry, hash) values (next, written, sha256(coalesce(own_hash, last_hash) || convert_to(written, 'UTF8')));
  end $$;
comment on function millrace.note_audit is 'Puts on record that somebody has done something, as a part of the transaction in which it is done. Let it be the last statement.';

create function millrace.move_audit_head() returns trigger
  language plpgsql
  security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
  as $$
  begin
    if not exists (select from millrace.audit a where a.seq > new.seq) then
      update millrace.audit_head h set seq = new.seq, hash = new.hash;
    end if;
    return null;
  end $$;

create constraint trigger audit_moves_its_head after insert on millrace.audit deferrable initially deferred
  for each row execute function millrace.move_audit_head();

create function millrace.refuse_audit_change() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
  begin
    raise exception 'the audit only grows: % of millrace.audit is refused', lower(tg_op)
      using errcode = 'ML070', hint = 'docs/audit.md says how long it is kept, and how it is exported.';
  end $$;

create trigger audit_only_grows before update or delete or truncate on millrace.audit
  for each statement execute function millrace.refuse_audit_change();

-- ---------------------------------------------------------------------------------------------------------------------
-- What is configured, whoever changes it and by whatever way. Only statements that set columns which people set are looked at, so
-- what moves all the time (schedule.next_at, api_key.last_used_at) costs nothing; what there is to say is written when the
-- transaction commits. Nothing secret is said: a value that is another shows as a version that is another, and where there is
-- none, as the word "changed".

create function millrace.audit_api_key() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
  declare
    hidden constant text[] := array['digest', 'last_used_at'];
  begin
    perform millrace.note_audit(
      case
        when tg_op = 'INSERT' then 'key.created'
        when tg_op = 'DELETE' then 'key.removed'
        when old.revoked_at is null and new.revoked_at is not null then 'key.revoked'
        when new.successor is not null and new.successor is distinct from old.successor then 'key.replaced'
        else 'key.changed'
      end,
      'key:' || coalesce(new.id, old.id),
      to_jsonb(old) - hidden,
      (to_jsonb(new) - hidden) || case when tg_op = 'UPDATE' and new.digest <> old.digest then '{"digest": "changed"}' else '{}' end::jsonb);
    return null;
  end $$;

create constraint trigger audit_made after insert on millrace.api_key deferrable initially deferred
  for each row execute function millrace.audit_api_key();
create constraint trigger audit_changed
  after update of id, name, role, digest, created_at, created_by, expires_at, lifetime, revoked_at, revoked_by, successor on millrace.api_key deferrable initially deferred
  for each row when ((old.id, old.name, old.role, old.digest, old.created_at, old.created_by, old.expires_at, old.lifetime, old.revoked_at, old.revoked_by, old.successor)
    is distinct from (new.id, new.name, new.role, new.digest, new.created_at, new.created_by, new.expires_at, new.lifetime, new.revoked_at, new.revoked_by, new.successor))
  execute function millrace.audit_api_key();
create constraint trigger audit_removed after delete on millrace.api_key deferrable initially deferred
  for each row execute function millrace.audit_api_key();

-- That keys of secrets are put under another key is noted once for all of them, by who does it.
create function millrace.audit_secret() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
  declare
    hidden constant text[] := array['sealed', 'wrapped_key'];
  begin
    perform millrace.note_audit(
      case tg_op when 'INSERT' then 'secret.created' when 'DELETE' then 'secret.removed' else 'secret.changed' end,
      'secret:' || coalesce(new.name, old.name),
      to_jsonb(old) - hidden,
      (to_jsonb(new) - hidden)
        || case when tg_op = 'UPDATE' and new.version = old.version and new.sealed <> old.sealed then '{"sealed": "changed"}' else '{}' end::jsonb);
    return null;
  end $$;

create constraint trigger audit_made after insert on millrace.secret deferrable initially deferred
  for each row execute function millrace.audit_secret();
create constraint trigger audit_changed after update of name, version, jobs, source, sealed on millrace.secret deferrable initially deferred
  for each row when ((old.name, old.version, old.jobs, old.source, old.sealed) is distinct from (new.name, new.version, new.jobs, new.source, new.sealed))
  execute function millrace.audit_secret();
create constraint trigger audit_removed after delete on millrace.secret deferrable initially deferred
  for each row execute function millrace.audit_secret();

-- Inputs may be large, and about people, who may ask that they are forgotten: of those the audit has the digest alone.
create function millrace.audited_schedule(schedule millrace.schedule) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
    select case when schedule.name is not null then
      (to_jsonb(schedule) - array['next_nominal', 'next_at', 'problem', 'waiting'])
      || jsonb_build_object(
        'input', 'sha256:' || encode(sha256(convert_to(schedule.input::text, 'UTF8')), 'hex'),
        'defined', (schedule.defined - 'input')
          || jsonb_build_object('input', 'sha256:' || encode(sha256(convert_to((schedule.defined -> 'input')::text, 'UTF8')), 'hex')))
    end
  $$;

create function millrace.audit_schedule() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
  begin
    perform millrace.note_audit(
      case
        when tg_op = 'INSERT' then 'schedule.created'
        when tg_op = 'DELETE' then 'schedule.removed'
        when (old.paused_at, old.paused_by, old.pause_reason, old.paused_until)
          is not distinct from (new.paused_at, new.paused_by, new.pause_reason, new.paused_until) then 'schedule.changed'
        when new.paused_at is null or new.paused_until <= clock_timestamp() then 'schedule.resumed'
        else 'schedule.paused'
      end,
      'schedule:' || coalesce(new.name, old.name),
      millrace.audited_schedule(old),
      millrace.audited_schedule(new));
    return null;
  end $$;

create constraint trigger audit_made after insert on millrace.schedule deferrable initially deferred
  for each row execute function millrace.audit_schedule();
-- A schedule that was never paused is resumed by setting when a pause ends: that is nothing to put on record.
create constraint trigger audit_changed
  after update of name, job, rule, policy, input, defined, changed_by, created_by, paused_at, paused_by, pause_reason, paused_until on millrace.schedule deferrable initially deferred
  for each row when ((old.name, old.job, old.rule, old.policy, old.input, old.defined, old.changed_by, old.created_by)
      is distinct from (new.name, new.job, new.rule, new.policy, new.input, new.defined, new.changed_by, new.created_by)
    or (old.paused_at, old.paused_by, old.pause_reason) is distinct from (new.paused_at, new.paused_by, new.pause_reason)
    or (new.paused_at is not null and old.paused_until is distinct from new.paused_until))
  execute function millrace.audit_schedule();
create constraint trigger audit_removed after delete on millrace.schedule deferrable initially deferred
  for each row execute function millrace.audit_schedule();

create function millrace.audit_queue() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
  declare
    hidden constant text[] := array['gated', 'limited_at'];
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

-- A queue begins to be when somebody names it, with nothing to say of it.
create constraint trigger audit_made after insert on millrace.queue deferrable initially deferred
  for each row when (num_nonnulls(new.concurrency, new.rate, new.paused_at, new.defined) > 0) execute function millrace.audit_queue();
create constraint trigger audit_changed
  after update of name, concurrency, rate, limited_by, defined, paused_at, paused_by, pause_reason, paused_until on millrace.queue deferrable initially deferred
  for each row when ((old.name, old.concurrency, old.rate, old.limited_by, old.defined, old.paused_at, old.paused_by, old.pause_reason, old.paused_until)
    is distinct from (new.name, new.concurrency, new.rate, new.limited_by, new.defined, new.paused_at, new.paused_by, new.pause_reason, new.paused_until))
  execute function millrace.audit_queue();
create constraint trigger audit_removed after delete on millrace.queue deferrable initially deferred
  for each row execute function millrace.audit_queue();

create function millrace.audit_pause() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
  begin
    perform millrace.note_audit(
      case tg_op when 'DELETE' then 'job.resumed' else 'job.paused' end,
      'job:' || coalesce(new.job, old.job),
      to_jsonb(old) - 'job',
      to_jsonb(new) - 'job');
    return null;
  end $$;

-- A job that is held back because a server has asked for that is nobody's doing, and may be so every second; that a hold
-- makes a person's pause longer, or that a person ends a hold, is. A pause that is over goes by itself.
create constraint trigger audit_made after insert on millrace.pause deferrable initially deferred
  for each row when (new.paused_by <> 'millrace') execute function millrace.audit_pause();
create constraint trigger audit_changed after update on millrace.pause deferrable initially deferred
  for each row when ((old.job, old.key, old.whole, old.paused_by, old.reason, old.until) is distinct from (new.job, new.key, new.whole, new.paused_by, new.reason, new.until)
    and (old.paused_by <> 'millrace' or new.paused_by <> 'millrace'))
  execute function millrace.audit_pause();
create constraint trigger audit_removed after delete on millrace.pause deferrable initially deferred
  for each row when (old.until is null or old.until > clock_timestamp()) execute function millrace.audit_pause();

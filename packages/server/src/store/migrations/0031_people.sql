-- additive: people: who may do what over the API with a password or a sign-on, and their sessions.

create table millrace.person (
  id uuid primary key default gen_random_uuid(),
  email text not null constraint person_email_form check (email = lower(email) and length(email) between 3 and 254),
  name text constraint person_name_length check (length(name) between 1 and 100),
  role text not null constraint person_role_known check (role in ('viewer', 'operator', 'editor', 'admin')),
  role_from text not null default 'hand' constraint person_role_from_known check (role_from in ('hand', 'claim')),
  password text constraint person_password_form check (password ~ '^\$scrypt\$'),
  setup_digest bytea constraint person_setup_sha256 check (length(setup_digest) = 32),
  setup_until timestamptz,
  issuer text,
  subject text,
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null,
  changed_at timestamptz not null default clock_timestamp(),
  changed_by text not null,
  logged_in_at timestamptz,
  disabled_at timestamptz,
  disabled_by text,
  constraint person_email_once unique (email),
  constraint person_subject_once unique (issuer, subject),
  constraint person_setup_whole check ((setup_digest is null) = (setup_until is null)),
  constraint person_subject_whole check ((issuer is null) = (subject is null))
);
create unique index person_setup on millrace.person (setup_digest) where setup_digest is not null;
comment on table millrace.person is 'People who may use the API. None is removed, because history names them.';
comment on column millrace.person.role_from is 'Who says the role: people, or a claim of the sign-on, which then says it at each login.';
comment on column millrace.person.password is 'Its scrypt hash, with the parameters and the salt; null for none.';
comment on column millrace.person.setup_digest is 'The SHA-256 of the code by which a password may be set, once.';
comment on column millrace.person.subject is 'Whom the issuer of the sign-on calls so.';

create table millrace.session (
  digest bytea primary key constraint session_digest_sha256 check (length(digest) = 32),
  person_id uuid not null references millrace.person (id) on delete cascade,
  began_by text not null constraint session_began_by_known check (began_by in ('password', 'sign-on')),
  created_at timestamptz not null default clock_timestamp(),
  seen_at timestamptz not null default clock_timestamp(),
  ends_at timestamptz not null,
  address text not null constraint session_address_length check (length(address) <= 64),
  agent text not null constraint session_agent_length check (length(agent) <= 200)
);
create index session_person on millrace.session (person_id);
create index session_ends on millrace.session (ends_at);
comment on table millrace.session is 'What is kept of a session''s token is its SHA-256: nobody is logged in by a copy of this.';
comment on column millrace.session.seen_at is 'To a minute.';

create table millrace.login_failure (
  key bytea primary key constraint login_failure_key_sha256 check (length(key) = 32),
  failures integer not null,
  until timestamptz not null
);
create index login_failure_until on millrace.login_failure (until);
comment on table millrace.login_failure is
  'Logins that failed, or are under way: by account, by address, and by both. Hashes, because people type passwords where an account is asked for.';
comment on column millrace.login_failure.until is 'When the window is over in which these are counted.';

-- Who may log in, and who has, is on record. Nothing secret is said: of a password that it was set.

create function millrace.audit_person() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
  declare
    hidden constant text[] := array['password', 'setup_digest', 'setup_until', 'logged_in_at', 'changed_at'];
  begin
    perform millrace.note_audit(
      case
        when tg_op = 'INSERT' then 'person.added'
        when tg_op = 'DELETE' then 'person.removed'
        when old.disabled_at is null and new.disabled_at is not null then 'person.disabled'
        when old.disabled_at is not null and new.disabled_at is null then 'person.enabled'
        when new.setup_digest is not null and new.setup_digest is distinct from old.setup_digest then 'person.reset'
        when new.password is distinct from old.password then 'person.password_set'
        else 'person.changed'
      end,
      'person:' || coalesce(new.email, old.email),
      to_jsonb(old) - hidden || case when old.id is null then '{}' else jsonb_build_object('hasPassword', old.password is not null) end,
      to_jsonb(new) - hidden || case when new.id is null then '{}' else jsonb_build_object('hasPassword', new.password is not null) end);
    return null;
  end $$;

create constraint trigger audit_made after insert or delete on millrace.person deferrable initially deferred
  for each row execute function millrace.audit_person();
create constraint trigger audit_changed
  after update of email, name, role, role_from, password, setup_digest, issuer, subject, disabled_at on millrace.person deferrable initially deferred
  for each row when ((old.email, old.name, old.role, old.role_from, old.password, old.setup_digest, old.issuer, old.subject, old.disabled_at)
    is distinct from (new.email, new.name, new.role, new.role_from, new.password, new.setup_digest, new.issuer, new.subject, new.disabled_at))
  execute function millrace.audit_person();

-- Whoever logs in is who does it.
create function millrace.audit_session() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
  declare
    person constant millrace.person := (select p from millrace.person p where p.id = new.person_id);
  begin
    if nullif(current_setting('millrace.caller', true), '') is null then
      perform set_config('millrace.caller',
        jsonb_build_object('name', 'person:' || person.email, 'role', person.role, 'address', new.address)::text, true);
    end if;
    perform millrace.note_audit('session.began', 'person:' || person.email, null, jsonb_build_object('by', new.began_by, 'agent', new.agent));
    return null;
  end $$;

create constraint trigger audit_made after insert on millrace.session deferrable initially deferred
  for each row execute function millrace.audit_session();

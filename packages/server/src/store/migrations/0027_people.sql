-- People: who may do what over the API with a password or a sign-on, and their sessions. Additive.

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

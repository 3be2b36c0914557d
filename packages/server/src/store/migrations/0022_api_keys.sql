-- API keys: who may do what over the API. Additive.

create table millrace.api_key (
  id text primary key constraint api_key_id_form check (id ~ '^[0-9a-z]{12}$'),
  name text not null constraint api_key_name_form check (name ~ '^[A-Za-z0-9][A-Za-z0-9 ._@:/+-]{0,99}$'),
  role text not null constraint api_key_role_known check (role in ('viewer', 'operator', 'editor', 'admin', 'worker')),
  digest bytea not null constraint api_key_digest_sha256 check (length(digest) = 32),
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null,
  expires_at timestamptz,
  lifetime interval,
  revoked_at timestamptz,
  revoked_by text,
  successor text references millrace.api_key (id) on delete set null,
  last_used_at timestamptz
);
comment on table millrace.api_key is 'Keys of the API. What is kept of the secret is its SHA-256: no key can be made of a copy of this.';
comment on column millrace.api_key.lifetime is 'How long a key that takes its place is to live; null for ever.';
comment on column millrace.api_key.successor is 'The key that was made to take its place.';
comment on column millrace.api_key.last_used_at is 'To a minute.';

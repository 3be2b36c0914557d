-- Secrets: what handlers need to know, and nobody may read. Additive.

create table millrace.secret (
  name text primary key constraint secret_name_form check (name ~ '^[A-Z][A-Z0-9_]{0,99}$'),
  version integer not null,
  jobs text[] constraint secret_jobs_some check (cardinality(jobs) > 0),
  source text,
  wrapped_key bytea,
  sealed bytea,
  key_id text generated always as (encode(substr(wrapped_key, 2, 4), 'hex')) stored,
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null,
  changed_at timestamptz not null default clock_timestamp(),
  changed_by text not null,
  constraint secret_is_stored_or_refers check (num_nonnulls(source, sealed) = 1 and (sealed is null) = (wrapped_key is null))
);
comment on table millrace.secret is 'Values are encrypted by Millrace, under keys that are not in the database.';
comment on column millrace.secret.jobs is 'The jobs that may have it; null for all.';
comment on column millrace.secret.source is 'Where workers find the value; null for one that is stored.';
comment on column millrace.secret.wrapped_key is 'The key of the value, encrypted: format, id of the key it is under, nonce, key, tag.';
comment on column millrace.secret.sealed is 'The value, encrypted under its own key: format, nonce, value, tag.';
comment on column millrace.secret.key_id is 'The key that the key of the value is encrypted under.';

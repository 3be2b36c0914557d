-- additive: incidents. What was seen of a stretch of time is kept as it was then, under a short address, and people write to it what they found.

create table millrace.incident (
  id bigint primary key generated always as identity,
  slug text not null unique constraint incident_slug check (slug ~ '^[a-z0-9]{4,20}$'),
  title text not null,
  query text,
  from_at timestamptz not null,
  to_at timestamptz not null,
  snapshot jsonb not null constraint incident_snapshot_bounded check (octet_length(snapshot::text) <= 1048576),
  owner text not null,
  -- Those to which its owner was confined; null for the whole installation.
  projects text[],
  created_at timestamptz not null default clock_timestamp()
);
comment on table millrace.incident is 'What was seen of a stretch of time, frozen. It is kept until somebody removes it.';
comment on column millrace.incident.snapshot is 'As the API gives it. It has no inputs and outputs, and of runs that are about somebody no messages.';

create table millrace.incident_note (
  id bigint primary key generated always as identity,
  incident bigint not null references millrace.incident (id) on delete cascade,
  author text not null,
  text text not null,
  at timestamptz not null default clock_timestamp()
);
create index incident_note_of on millrace.incident_note (incident, id);
comment on table millrace.incident_note is 'What people wrote to incidents. Nothing of it is changed.';

-- An entry of the audit is of the project to which its incident is confined.
do $patch$
  declare
    old constant text := pg_get_functiondef('millrace.audited_project'::regproc);
    new constant text := replace(old, $$      when 'key', 'person' then$$, $$      when 'key', 'person', 'incident' then$$);
  begin
    if new = old then
      raise exception 'migration 48 does not find in millrace.audited_project what it changes';
    end if;
    execute new;
  end $patch$;

-- Subjects: what runs keep of a person is encrypted under a key of that person, which can be destroyed. Additive.

create table millrace.subject (
  id uuid primary key default gen_random_uuid(),
  name_hash bytea constraint subject_name_hmac check (length(name_hash) = 32),
  wrapped_key bytea,
  key_id text generated always as (encode(substr(wrapped_key, 2, 4), 'hex')) stored,
  created_at timestamptz not null default clock_timestamp(),
  erased_at timestamptz,
  erased_by text,
  ending boolean not null default false,
  constraint subject_name_once unique (name_hash),
  constraint subject_has_key_or_is_erased check ((wrapped_key is null) = (erased_at is not null))
);
create index subject_key on millrace.subject (key_id, id) where key_id is not null;
create index subject_ending on millrace.subject (id) where ending;
comment on table millrace.subject is 'People, and whoever else runs are about. Their names are not here.';
comment on column millrace.subject.name_hash is 'The HMAC-SHA-256 of the name, under a key that is encrypted, too; null when the name was set free after the erasure.';
comment on column millrace.subject.wrapped_key is 'The key of what is kept of it, encrypted: format, id of the key it is under, nonce, key, tag. Gone when it is erased.';
comment on column millrace.subject.ending is 'It is erased, and its open runs are still to be cancelled.';

create table millrace.subject_name_key (
  one boolean primary key default true constraint subject_name_key_one check (one),
  wrapped_key bytea not null,
  key_id text generated always as (encode(substr(wrapped_key, 2, 4), 'hex')) stored
);
comment on table millrace.subject_name_key is 'The key of the hashes of names, encrypted. It is made with the first subject, and never changed.';

create table millrace.run_subject (
  run_id uuid primary key,
  subject_id uuid not null
);
create index run_subject_runs on millrace.run_subject (subject_id, run_id);
comment on table millrace.run_subject is 'Whom runs are about. Runs of jobs without a subject have no row.';

create table millrace.subject_job (
  job text primary key,
  path jsonb
);
comment on table millrace.subject_job is 'Jobs that declare a subject, or once did: where its name lies in their inputs; null for one that does no more.';

-- With the rights of its owner: whoever may ask for runs in SQL, by rights that were granted before there were subjects, is asked about, too.
-- It names all that it uses, and so needs no search path of its own, which would cost each run in SQL as much again.
create function millrace.has_subject(of_job text) returns boolean
  language plpgsql stable
  security definer
  as $$
  begin
    return (select s.path is not null from millrace.subject_job s where s.job operator(pg_catalog.=) of_job);
  end $$;
comment on function millrace.has_subject is 'Whether runs of a job are encrypted under their subjects; false for one that once had some, null for any other.';

-- What was accepted in clear could not be erased, so whatever way it takes a run of such a job comes encrypted, or not at all. The lock is
-- that which an erasure waits for, so it sees every run that was accepted before it.
create function millrace.keep_subject() returns trigger
  language plpgsql
  as $$
  declare
    subject text := new.input ->> '$subject';
    known boolean;
    erased timestamptz;
  begin
    if new.trigger <> 'sql' and new.input ? '$sealed' and millrace.has_subject(new.job) is not null
      and subject ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
      select true, s.erased_at into known, erased from millrace.subject s where s.id = subject::uuid for share;
      -- What comes of a run that is open, its children and its successor, is cancelled like it: refused, it would hold up others.
      if erased is not null and new.trigger = 'parent' then
        update millrace.subject s set ending = true where s.id = subject::uuid;
      elsif erased is not null then
        raise exception 'what was kept under the subject of this run of % is erased, and its name is not set free', new.job
          using errcode = 'ML051', hint = 'millrace erase --forget lets new runs of it come, under a new key.';
      end if;
      if known then
        insert into millrace.run_subject (run_id, subject_id) values (new.id, subject::uuid);
        return new;
      end if;
    end if;
    if millrace.has_subject(new.job) then
      raise exception 'what runs of % are about is encrypted, and this one comes in clear', quote_literal(new.job)
        using errcode = 'ML050',
          hint = 'SQL has no key: ask for it over the API, by the client or by millrace run; from a transaction of yours, for instance by an outbox.';
    end if;
    return new;
  end $$;

-- The input of a schedule is a row of configuration, kept in clear.
create function millrace.refuse_subject_schedule() returns trigger
  language plpgsql
  as $$
  begin
    if millrace.has_subject(new.job) then
      raise exception 'what runs of % are about is encrypted, and the input of a schedule is kept in clear', quote_literal(new.job)
        using errcode = 'ML050', hint = 'Let a job without a subject start the runs.';
    end if;
    return new;
  end $$;

create trigger subject before insert or update of job, input on millrace.schedule
  for each row execute function millrace.refuse_subject_schedule();

-- The intake of servers, and workers, encrypt what they ask for themselves; all others are held to it. For a plain run this is a look for one key in
-- its input (0.1 µs).
create trigger subject before insert on millrace.run
  for each row when (new.input ? '$sealed'
    or new.trigger in ('sql', 'schedule', 'rerun', 'event') and millrace.has_subject(new.job))
  execute function millrace.keep_subject();

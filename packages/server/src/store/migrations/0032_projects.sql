-- additive: projects, to which jobs, queues, secrets and webhooks belong, and of which keys and people may be. Additive.

create table millrace.project (
  name text primary key check (millrace.is_name(name)),
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null
);
insert into millrace.project (name, created_by) values ('default', 'millrace');
comment on table millrace.project is 'Tenants: what belongs to one is not there for callers of others. "default" is always there.';

-- What was there before belongs to "default"; so does what a version writes that knows of no projects.
alter table millrace.job add column project text not null default 'default' references millrace.project (name);
comment on column millrace.job.project is 'To which it belongs, and with it its runs, its schedules and what waits for them.';
alter table millrace.queue add column project text default 'default' references millrace.project (name);
comment on column millrace.queue.project is 'Null for one that all projects share.';
alter table millrace.secret add column project text not null default 'default' references millrace.project (name);
alter table millrace.webhook_endpoint add column project text not null default 'default' references millrace.project (name);
alter table millrace.webhook_subscription add column project text not null default 'default' references millrace.project (name);
alter table millrace.worker add column project text not null default 'default';
comment on column millrace.worker.project is 'In which it has registered its jobs.';

-- "default" is where jobs go that name no queue.
update millrace.queue set project = null where name = 'default';

alter table millrace.api_key add column projects text[] constraint api_key_projects_some check (cardinality(projects) > 0);
comment on column millrace.api_key.projects is 'To which it is confined; null for the whole installation.';
alter table millrace.person add column projects text[] constraint person_projects_some check (cardinality(projects) > 0);
comment on column millrace.person.projects is 'To which they are confined; null for the whole installation.';
alter table millrace.operation add column projects text[];
comment on column millrace.operation.projects is 'Of what it may be about; null for the whole installation.';
update millrace.operation set projects = '{default}';

alter table millrace.emission add column project text;
comment on column millrace.emission.project is 'Whose waits alone it ends; null for those of all.';

create function millrace.project_of_run(run uuid) returns text
  language sql stable
  as $$ select (select j.project from millrace.job j where j.name = r.job) from millrace.run r where r.id = $1 $$;
comment on function millrace.project_of_run is 'The project of its job; null for a run that is not there, or whose job is not.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Events. One that is sent into a project ends waits of its runs alone; one that is sent without, as in SQL, those of all.

-- As millrace.emit before, but into a project. Keys of projects are apart: of a key there the digest is kept, behind the project's name.
create function millrace.emit_into(project text, event text, payload jsonb default '{}', run uuid default null, key text default null)
  returns table (id uuid, created boolean)
  language plpgsql
  as $$
  #variable_conflict use_column
  declare
    at numeric := extract(epoch from clock_timestamp()) * 1000;
    stamp text := lpad(to_hex(floor(at)::bigint), 12, '0');
    -- The 12 bits behind the millisecond are its fraction (RFC 9562, section 6.2, method 3): calls one after the other keep their order.
    part text := lpad(to_hex(floor((at - floor(at)) * 4096)::integer), 3, '0');
    fresh uuid := (substr(stamp, 1, 8) || '-' || substr(stamp, 9, 4) || '-7' || part || substr(gen_random_uuid()::text, 19))::uuid;
    -- A run could not tell null from a wait that nothing has ended.
    given jsonb := coalesce(nullif(emit_into.payload, 'null'), '{}');
    kept text := case when emit_into.project is null then emit_into.key
      else emit_into.project || ' ' || encode(sha256(convert_to(emit_into.key, 'UTF8')), 'hex') end;
    same record;
    -- What is sent to one run of a chain is for the last.
    chain uuid := coalesce((select r.chain from millrace.run r where r.id = emit_into.run), emit_into.run);
    target record;
  begin
    if emit_into.event is null or not millrace.is_name(emit_into.event) then
      raise exception 'event: % is not a name: lower case, digits, and single . _ - : / between them', quote_nullable(left(emit_into.event, 100))
        using errcode = 'ML040';
    end if;
    if emit_into.run is not null and not exists (select from millrace.emission e where e.name = emit_into.event and e.key = kept) then
      select r.state into target from millrace.run r where r.id = millrace.last_of_chain(emit_into.run);
      if not found or emit_into.project is not null and millrace.project_of_run(emit_into.run) is distinct from emit_into.project then
        raise exception 'event %: there is no run %', emit_into.event, emit_into.run using errcode = 'ML041';
      end if;
      if target.state is not null then
        raise exception 'event %: run % is % already', emit_into.event, emit_into.run, target.state using errcode = 'ML042';
      end if;
      if exists (select from millrace.unwinding u where u.run_id = millrace.last_of_chain(emit_into.run)) then
        raise exception 'event %: run % is to end, and makes good what it did', emit_into.event, emit_into.run using errcode = 'ML042';
      end if;
    end if;
    insert into millrace.emission (id, name, payload, run_id, key, project)
    values (fresh, emit_into.event, given, chain, kept, emit_into.project) on conflict do nothing;
    if found then
      insert into millrace.arrival values (fresh);
      return query select fresh, true;
      return;
    end if;
    select e.id, e.payload, e.run_id into same from millrace.emission e where e.name = emit_into.event and e.key = kept;
    if same.payload is distinct from given or same.run_id is distinct from chain then
      raise exception 'event %: the key % was used with another payload', emit_into.event, quote_literal(emit_into.key)
        using errcode = 'ML003', hint = 'Use a new key for a new event.';
    end if;
    return query select same.id, false;
  end $$;
comment on function millrace.emit_into is
  'Sends an event as millrace.emit does, but to runs of one project alone; without a project it is the same.';

create or replace function millrace.emit(event text, payload jsonb default '{}', run uuid default null, key text default null)
  returns table (id uuid, created boolean)
  language sql
  as $$ select i.id, i.created from millrace.emit_into(null, event, payload, run, key) i $$;

-- As before, but of events that were sent into a project a run of another gets none.
create or replace function millrace.past_event(run uuid, event text, pattern jsonb, due_at timestamptz) returns uuid
  language plpgsql stable
  as $$
  declare
    chained record;
    since uuid;
    until uuid := millrace.uuid_floor(past_event.due_at + interval '1 millisecond');
    got uuid[] := array(
      select w.source from millrace.waiter w where w.run_id = run and w.source is not null
      union all select s.source from millrace.step s where s.run_id = run and s.source is not null);
    -- A payload that is no object contains none, not even an empty one.
    anything boolean := pattern = '{}';
    of_project text := millrace.project_of_run(past_event.run);
    early record;
    own uuid;
    first uuid;
  begin
    select c.id, c.since, c.taken into chained from millrace.chain c where c.last = past_event.run;
    since := coalesce(chained.since, millrace.uuid_floor(millrace.uuid_time(run)));
    got := got || coalesce(chained.taken, '{}');
    select e.id into own from millrace.emission e
    where e.run_id = coalesce(chained.id, past_event.run) and e.name = past_event.event and not e.taken and e.id < until
      and (anything or e.payload @> past_event.pattern) and e.id not in (select unnest(got))
    order by e.id limit 1;
    select count(*) as looked, (array_agg(e.id order by e.id) filter (where e.fits))[1] as id into early
    from (
      select n.id, (anything or n.payload @> past_event.pattern) and n.id not in (select unnest(got))
        and (n.project is null or n.project = of_project) as fits
      from millrace.emission n
      where n.name = past_event.event and n.run_id is null and n.id >= since and n.id < until
      order by n.id limit 1000 + cardinality(got)
    ) e;
    if early.id is not null or early.looked < 1000 + cardinality(got) then
      return least(own, early.id);
    end if;
    -- Two statements, because each has an index of its own.
    if anything then
      select e.id into first from millrace.emission e
      where e.name = past_event.event and e.run_id is null and e.id >= since and e.id < until
        and (e.project is null or e.project = of_project) and e.id not in (select unnest(got))
      order by e.id limit 1;
    else
      select e.id into first from millrace.emission e
      where e.payload @> past_event.pattern and e.name = past_event.event and e.id >= since and e.id < until
        and e.run_id is null and (e.project is null or e.project = of_project) and e.id not in (select unnest(got))
      order by e.id limit 1;
    end if;
    return least(own, first);
  end $$;

-- As before, but an event that was sent into a project is given to its runs alone.
create or replace function millrace.meet(most integer, out looked integer, out runs uuid[])
  language plpgsql
  as $$
  #variable_conflict use_column
  declare
    came uuid[];
    concerned uuid[];
    event record;
    got uuid[];
  begin
    perform pg_advisory_xact_lock(x'6d656574'::integer);
    with taken as (
      delete from millrace.arrival
      where emission_id = any (array(select emission_id from millrace.arrival order by emission_id limit most for update skip locked))
      returning emission_id
    )
    select array_agg(emission_id) into came from taken;
    looked := coalesce(cardinality(came), 0);
    runs := '{}';
    if looked = 0 then
      return;
    end if;
    select array_agg(distinct w.run_id) into concerned
    from millrace.emission e cross join lateral millrace.waiting_for(e.name, e.payload, e.run_id) w
    where e.id = any (came) and (e.project is null or millrace.project_of_run(w.run_id) = e.project);
    if concerned is null then
      return;
    end if;
    perform from millrace.waiter w where w.run_id = any (concerned) order by w.run_id, w.name, w.ordinal for update;
    -- Those who have just been noted may have missed an earlier one.
    perform millrace.look_back(array_agg(w.run_id), array_agg(w.name), array_agg(w.ordinal))
    from (select * from millrace.waiter o where o.run_id = any (concerned) offset 0) w
    where w.event is not null and w.met_at is null and not w.looked
    having count(*) > 0;
    select coalesce(array_agg(distinct w.run_id), '{}') into runs
    from millrace.waiter w where w.run_id = any (concerned) and w.event is not null and w.met_at is not null;
    for event in select * from millrace.emission e where e.id = any (came) and not e.taken order by e.id loop
      with first as (
        select distinct on (f.run_id) f.run_id, f.name, f.ordinal
        from millrace.waiting_for(event.name, event.payload, event.run_id) f
        left join lateral (select * from millrace.chain where last = f.run_id limit 1) c on true
        where f.run_id = any (concerned)
          and (event.project is null or millrace.project_of_run(f.run_id) = event.project)
          and (event.run_id is not null or event.id >= coalesce(c.since, millrace.uuid_floor(millrace.uuid_time(f.run_id))))
          and (c.taken is null or event.id <> all (c.taken))
          and millrace.uuid_time(event.id) <= f.due_at
          and event.id <> all (array(select o.source from millrace.waiter o where o.run_id = f.run_id and o.source is not null))
          and event.id <> all (array(select o.source from millrace.step o where o.run_id = f.run_id and o.source is not null))
        order by f.run_id, f.asked_at, f.name, f.ordinal
      ),
      given as (
        update millrace.waiter w set met_at = clock_timestamp(), value = event.payload, source = event.id
        from first where w.run_id = any (array[first.run_id]) and w.name = any (array[first.name]) and w.ordinal = any (array[first.ordinal])
        returning w.run_id
      )
      select coalesce(array_agg(run_id), '{}') into got from given;
      runs := runs || got;
    end loop;
  end $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Calls stay within a project: a job of another is one that nobody has registered, a queue of another one that does not exist.

create function millrace.require_own_children(items jsonb, places integer[]) returns void
  language plpgsql stable
  as $$
  declare
    bad record;
  begin
    select i.item ->> 'job' as job, i.item -> 'options' ->> 'queue' as queue, own.project <> called.project as job_foreign into bad
    from unnest(places) place
    cross join lateral (select items -> (place - 1) as item) i
    cross join lateral (select millrace.project_of_run((i.item ->> 'run')::uuid) as project) own
    join millrace.job called on called.name = i.item ->> 'job'
    left join millrace.queue q on q.name = i.item -> 'options' ->> 'queue'
    where (own.project <> called.project or own.project <> q.project)
      -- What was asked for before its job came to another project stays so.
      and not exists (select from millrace.waiter w
        where w.run_id = (i.item ->> 'run')::uuid and w.name = i.item ->> 'name' and w.ordinal = (i.item ->> 'ordinal')::integer)
    order by place limit 1;
    if not found then
      return;
    end if;
    if bad.job_foreign then
      raise exception 'no job named % is registered', quote_literal(bad.job) using errcode = 'ML001', detail = '0',
        hint = 'A server registers its jobs when it starts; see millrace.job.';
    end if;
    raise exception 'no queue named % exists', quote_literal(bad.queue) using errcode = 'ML002', detail = '0',
      hint = 'Queues come from jobs and from the --queues of workers; see millrace.queue.';
  end $$;

-- As before, but of its own project alone.
create or replace function millrace.call_children(worker integer, items jsonb)
  returns table (held boolean, rest_ms float8, due_at timestamptz, met boolean, queues text[])
  language plpgsql
  as $$
  #variable_conflict use_column
  declare
    mine integer[];
    noted record;
    rung text[] := '{}';
  begin
    -- Until this commits, so that whoever claims a run next finds what is noted, and whoever ends it finds its children.
    perform from millrace.lease l
    where l.id in (select (i ->> 'lease')::bigint from jsonb_array_elements(items) i) and l.worker_id = call_children.worker
    order by l.id for share;
    select coalesce(array_agg(i.place), '{}') into mine
    from jsonb_array_elements(items) with ordinality i(item, place)
    join millrace.lease l on l.id = (i.item ->> 'lease')::bigint and l.worker_id = call_children.worker
      and l.run_ids @> array[(i.item ->> 'run')::uuid];
    -- Marked, so that its end is told of. A transaction of the handler's own may hold the row: then its end is found by who looks for
    -- waits that are left.
    update millrace.run r set parent = true
    where r.state is null and r.id = any (array(
      select r.id from millrace.run r
      where r.id = any (array(select (items -> (place - 1) ->> 'run')::uuid from unnest(mine) place)) and not r.parent
      for no key update skip locked));
    -- A cancel may have missed the lease.
    select coalesce(array_agg(place), '{}') into mine from unnest(mine) place
    cross join lateral (select state from millrace.run where id = (items -> (place - 1) ->> 'run')::uuid limit 1) r
    where r.state is null;

    perform millrace.require_own_children(items, mine);

    with fresh as (
      insert into millrace.waiter (run_id, name, ordinal, kind, due_at, job, options, collect, at_once, total, started, ended, bytes)
      select (i ->> 'run')::uuid, i ->> 'name', (i ->> 'ordinal')::integer, i ->> 'kind',
        coalesce(clock_timestamp() + (i ->> 'forMs')::float8 * interval '1 millisecond', '9999-12-31 00:00:00Z'),
        i ->> 'job', i -> 'options', (i ->> 'collect')::boolean, (i ->> 'atOnce')::integer, jsonb_array_length(i -> 'inputs'), 0, 0, 0
      from unnest(mine) place cross join lateral (select items -> (place - 1) as i) item
      order by 1, 2, 3
      on conflict do nothing
      returning run_id, name, ordinal, least(at_once, total) as up_to
    )
    select array_agg(run_id) as runs, array_agg(name) as names, array_agg(ordinal) as ordinals, array_agg(up_to) as up_to into noted
    from fresh;
    if noted.runs is not null then
      insert into millrace.child (parent, name, ordinal, number, input)
      select f.run_id, f.name, f.ordinal, c.number - 1, c.input
      from unnest(noted.runs, noted.names, noted.ordinals) f(run_id, name, ordinal)
      join jsonb_array_elements(items) i on (i ->> 'run')::uuid = f.run_id and i ->> 'name' = f.name and (i ->> 'ordinal')::integer = f.ordinal
      cross join lateral jsonb_array_elements(i -> 'inputs') with ordinality c(input, number)
      on conflict do nothing;
      rung := millrace.start_children(noted.runs, noted.names, noted.ordinals, noted.up_to);
    end if;

    return query
    select i.place = any (mine), coalesce(greatest(0, extract(epoch from w.due_at - clock_timestamp()) * 1000), 0)::float8, w.due_at,
      w.met_at is not null, rung
    from jsonb_array_elements(items) with ordinality i(item, place)
    left join lateral (
      select due_at, met_at from millrace.waiter
      where run_id = (i.item ->> 'run')::uuid and name = i.item ->> 'name' and ordinal = (i.item ->> 'ordinal')::integer limit 1
    ) w on true
    order by i.place;
  end $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Webhooks out: as before, but of the own project alone.

create or replace function millrace.tell_subscriptions(ended millrace.run) returns void
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
      and exists (select from millrace.job j where j.name = ended.job and j.project = s.project)
  $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Entries of the audit have the project of what they are about, as far as it is of one alone.

create function millrace.audited_project(object text, before jsonb, after jsonb) returns text
  language plpgsql stable
  -- With the rights of its owner, as what calls it.
  security definer set search_path = pg_catalog, pg_temp
  as $$
  declare
    kind constant text := split_part(object, ':', 1);
    called constant text := substr(object, length(kind) + 2);
    told constant text := coalesce(after ->> 'project', before ->> 'project');
    several text[];
  begin
    case kind
      when 'job' then
        return (select j.project from millrace.job j where j.name = called);
      when 'queue' then
        return coalesce(told, (select q.project from millrace.queue q where q.name = called));
      when 'secret' then
        return coalesce(told, (select s.project from millrace.secret s where s.name = called));
      when 'webhook' then
        return coalesce(told, (select e.project from millrace.webhook_endpoint e where e.name = called),
          (select s.project from millrace.webhook_subscription s where s.name = called));
      when 'schedule' then
        return (select j.project from millrace.job j where j.name = coalesce(after ->> 'job', before ->> 'job',
          (select s.job from millrace.schedule s where s.name = called)));
      when 'run' then
        -- Whoever calls note_audit names things as they like.
        return case when called ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then millrace.project_of_run(called::uuid) end;
      when 'operation' then
        select o.projects into several from millrace.operation o where o.id = case when called ~ '^[0-9]{1,18}$' then called::bigint end;
      when 'key', 'person' then
        select array_agg(p) into several from jsonb_array_elements_text(
          case jsonb_typeof(coalesce(after, before) -> 'projects') when 'array' then coalesce(after, before) -> 'projects' else '[]' end) p;
      else
        return null;
    end case;
    return case when cardinality(several) = 1 then several[1] end;
  end $$;

create or replace function millrace.note_audit(action text, object text, before jsonb default null, after jsonb default null)
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
    -- Looked up before the head is held, for which others wait.
    of_project constant text := millrace.audited_project(note_audit.object, note_audit.before, note_audit.after);
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
      'project', of_project,
      'before', note_audit.before,
      'after', note_audit.after)::text;
    insert into millrace.audit (seq, entry, hash) values (next, written, sha256(coalesce(own_hash, last_hash) || convert_to(written, 'UTF8')));
  end $$;

create function millrace.audit_project() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
  begin
    perform millrace.note_audit(
      case tg_op when 'INSERT' then 'project.added' else 'project.removed' end,
      'project:' || coalesce(new.name, old.name), to_jsonb(old), to_jsonb(new));
    return null;
  end $$;
create constraint trigger audit_made after insert or delete on millrace.project deferrable initially deferred
  for each row execute function millrace.audit_project();

-- To which project something belongs is changed by hand, whichever way, so that is on record, too.
create function millrace.audit_move() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
  begin
    perform millrace.note_audit('project.moved', tg_argv[0] || ':' || new.name,
      jsonb_build_object('project', old.project), jsonb_build_object('project', new.project));
    return null;
  end $$;
create constraint trigger audit_moved after update of project on millrace.job deferrable initially deferred
  for each row when (old.project <> new.project) execute function millrace.audit_move('job');
create constraint trigger audit_moved after update of project on millrace.queue deferrable initially deferred
  for each row when (old.project is distinct from new.project) execute function millrace.audit_move('queue');
create constraint trigger audit_moved after update of project on millrace.secret deferrable initially deferred
  for each row when (old.project <> new.project) execute function millrace.audit_move('secret');

drop trigger audit_changed on millrace.person;
create constraint trigger audit_changed
  after update of email, name, role, role_from, projects, password, setup_digest, issuer, subject, disabled_at on millrace.person deferrable initially deferred
  for each row when ((old.email, old.name, old.role, old.role_from, old.projects, old.password, old.setup_digest, old.issuer, old.subject, old.disabled_at)
    is distinct from (new.email, new.name, new.role, new.role_from, new.projects, new.password, new.setup_digest, new.issuer, new.subject, new.disabled_at))
  execute function millrace.audit_person();

-- What is said to a run under way. Not additive: what is sent to a run that has ended is refused, which senders of the version before do
-- not know.

-- As before, but an event for one run, a signal, is refused when that run has ended: it would wait for nobody. One that was sent before
-- under its key is there, whatever has become of the run.
create or replace function millrace.emit(event text, payload jsonb default '{}', run uuid default null, key text default null)
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
    given jsonb := coalesce(nullif(emit.payload, 'null'), '{}');
    same record;
    target record;
  begin
    if emit.event is null or not millrace.is_name(emit.event) then
      raise exception 'event: % is not a name: lower case, digits, and single . _ - : / between them', quote_nullable(left(emit.event, 100))
        using errcode = 'ML040';
    end if;
    if emit.run is not null and not exists (select from millrace.emission e where e.name = emit.event and e.key = emit.key) then
      select r.state into target from millrace.run r where r.id = emit.run;
      if not found then
        raise exception 'event %: there is no run %', emit.event, emit.run using errcode = 'ML041';
      end if;
      if target.state is not null then
        raise exception 'event %: run % is % already', emit.event, emit.run, target.state using errcode = 'ML042';
      end if;
    end if;
    insert into millrace.emission (id, name, payload, run_id, key)
    values (fresh, emit.event, given, emit.run, emit.key) on conflict do nothing;
    if found then
      insert into millrace.arrival values (fresh);
      return query select fresh, true;
      return;
    end if;
    select e.id, e.payload, e.run_id into same from millrace.emission e where e.name = emit.event and e.key = emit.key;
    if same.payload is distinct from given or same.run_id is distinct from emit.run then
      raise exception 'event %: the key % was used with another payload', emit.event, quote_literal(emit.key)
        using errcode = 'ML003', hint = 'Use a new key for a new event.';
    end if;
    return query select same.id, false;
  end $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- What runs publish, for whoever asks.

create table millrace.published (
  run_id uuid not null,
  key text not null,
  value jsonb not null,
  checkpoints integer not null,
  attempt smallint not null,
  number integer not null,
  at timestamptz not null default clock_timestamp(),
  primary key (run_id, key)
) with (fillfactor = 70);
comment on table millrace.published is 'What runs publish: the last value of each key, through the lease of the attempt, as long as the run is kept.';
comment on column millrace.published.checkpoints is
  'How many checkpoints its handler had got when it published this. It never goes back: an attempt that executes the handler anew comes by what was published before.';
comment on column millrace.published.number is 'The n-th publication of the attempt.';

-- additive
-- What belongs to transactions that are not ours: a run's completion inside the caller's own, and a guard for inputs that
-- come in by SQL and so past the intake.

-- The fence has two parts. The row of the run is the token: every end of an attempt counts it up, so `attempts` is one less
-- than the attempt's number exactly as long as that attempt is the run's own, also in a transaction that reads an old
-- snapshot (there the update fails with 40001). The lease is locked FOR KEY SHARE, which only its deletion waits for: other
-- runs may leave it meanwhile, a cancel may be noted in it, and the reaper skips it for as long as the transaction is open.
-- The run stays in its lease; the worker, or after it the reaper, finds that it has ended and takes it out.
create function millrace.complete(run_id uuid, attempt integer, lease_id bigint, worker_id integer, output jsonb)
  returns void
  language plpgsql
  -- With the rights of its owner: whoever may call it needs none on the tables of runs and leases.
  security definer set search_path = pg_catalog, pg_temp
  as $$
  #variable_conflict use_column
  declare
    since timestamptz;
    final millrace.run_state;
    patience text := current_setting('idle_in_transaction_session_timeout');
  begin
    select l.claimed_at into since from millrace.lease l
    where l.id = complete.lease_id and l.worker_id = complete.worker_id and l.run_ids @> array[complete.run_id]
    for key share;
    if found then
      update millrace.run r
      set state = 'completed', output = nullif(complete.output, 'null'), attempts = r.attempts + 1,
        started_at = since, finished_at = clock_timestamp(), worker_id = complete.worker_id
      where r.id = complete.run_id and r.state is null and r.attempts = complete.attempt - 1;
    end if;
    if not found then
      select r.state into final from millrace.run r where r.id = complete.run_id;
      if final is not null then
        raise exception 'run % is % already', run_id, final using errcode = 'ML021';
      end if;
      raise exception 'attempt % of run % has lost its lease', attempt, run_id using errcode = 'ML020';
    end if;

    -- Nobody may give the run to another worker while the transaction is open; so it must not stay open for ever.
    if patience::interval = interval '0' or patience::interval > interval '30 seconds' then
      perform set_config('idle_in_transaction_session_timeout', '30s', true);
    end if;
  end $$;
revoke execute on function millrace.complete from public;
comment on function millrace.complete is
  'Completes a run inside the caller''s transaction, through the lease of the attempt that makes it. Raises ML020 when the lease is gone, ML021 when the run has ended.';

-- Recursive readers on the way to the handler would run out of stack, and a number beyond all doubles is no JSON any more
-- once it was read. (One that a double only rounds is found by the worker, whose doubles they are.) The intake refuses all
-- of them itself.
create function millrace.refuse_unreadable_input() returns trigger
  language plpgsql
  as $$
  begin
    if jsonb_path_exists(new.input, 'strict $.**{64} ? (@.type() == "array" || @.type() == "object")') then
      raise exception 'the input of a run of % is nested deeper than 64 levels', new.job using errcode = 'ML022';
    end if;
    if jsonb_path_exists(new.input,
        'strict $.** ? (@.type() == "number" && (@ > 1.7976931348623157e308 || @ < -1.7976931348623157e308))') then
      raise exception 'the input of a run of % has a number that no double holds', new.job using errcode = 'ML022';
    end if;
    return new;
  end $$;

create trigger readable_input before insert on millrace.run
  for each row when (new.trigger = 'sql') execute function millrace.refuse_unreadable_input();

-- additive: what comes in by SQL is as long as what comes in over the API, whichever way it takes.

-- A claim answers the inputs of 500 runs in one text, and one input of a gigabyte, which a hundred thousand numbers like
-- 1e-16000 are when they are written out, would keep the whole parcel from ever being claimed.
create function millrace.refuse_unreadable(job text, input jsonb) returns void
  language plpgsql
  as $$
  declare
    longest constant int := 262144;
    written text;
    spaces int := 0;
  begin
    if jsonb_path_exists(input, 'strict $.**{64} ? (@.type() == "array" || @.type() == "object")') then
      raise exception 'the input of a run of % is nested deeper than 64 levels', job using errcode = 'ML022';
    end if;
    if jsonb_path_exists(input,
        'strict $.** ? (@.type() == "number" && (@ > 1.7976931348623157e308 || @ < -1.7976931348623157e308))') then
      raise exception 'the input of a run of % has a number that no double holds', job using errcode = 'ML022';
    end if;
    written := input::text;
    -- PostgreSQL puts a space after each comma and colon, which the API does not count: half as much again at the most.
    if octet_length(written) between longest + 1 and longest * 3 / 2 then
      spaces := regexp_count(regexp_replace(written, '"(?:[^"\\]|\\.)*"', '', 'g'), ' ');
    end if;
    if octet_length(written) - spaces > longest then
      raise exception 'the input of a run of % has % bytes of JSON, its numbers written out, and % are allowed',
          job, octet_length(written) - spaces, longest
        using errcode = 'ML022', hint = 'Store the data, and pass a reference to it.';
    end if;
  end $$;
comment on function millrace.refuse_unreadable is 'Raises ML022 for an input that a worker could not read, or not with as many others as it may claim. The API refuses the same before it asks.';

create or replace function millrace.refuse_unreadable_input() returns trigger
  language plpgsql
  as $$
  begin
    perform millrace.refuse_unreadable(new.job, new.input);
    return new;
  end $$;

create trigger readable_input before insert or update of input on millrace.schedule
  for each row execute function millrace.refuse_unreadable_input();

-- As before, but an input that takes the place of another is looked at as well; no trigger does it for every update of a run.
create or replace function millrace.collapse_into(item jsonb, ord integer, id uuid, out run_id uuid, out created boolean, out queue text, out due_at timestamptz)
  language plpgsql
  as $$
  #variable_conflict use_column
  declare
    how jsonb;
    given jsonb := coalesce(nullif(item -> 'input', 'null'), '{}');
    at timestamptz := clock_timestamp();
    held record;
    due timestamptz;
  begin
    select j.collapse into how from millrace.job j where j.name = item ->> 'job';
    if how is null or item ->> 'trigger' in ('rerun', 'parent') then
      return;
    end if;
    if how ->> 'mode' = 'debounce' and (item ? 'due_at' or item ? 'delay_ms') then
      raise exception 'job % is debounced, so it decides itself when its runs start', item ->> 'job'
        using errcode = 'ML010', detail = ord::text, hint = 'Leave out delay and runAt.';
    end if;
    select * into held from millrace.collapse c
    where c.job = item ->> 'job' and c.key = coalesce(millrace.key_text(given, how -> 'key'), '') for update;

    if how ->> 'mode' = 'throttle' and held.until > at then
      select r.id, false, r.queue, t.due_at into run_id, created, queue, due_at
      from millrace.run r left join millrace.timer t on t.run_id = r.id where r.id = held.run_id;
      if found then
        return;
      end if;
    elsif how ->> 'mode' = 'debounce' then
      due := least(held.first_at + (how ->> 'maxWaitMs')::float8 * interval '1 millisecond',
        at + (how ->> 'waitMs')::float8 * interval '1 millisecond');
      update millrace.timer t set due_at = due where t.run_id = held.run_id and t.reason = 'debounce';
      if found then
        if coalesce(item ->> 'trigger', 'sql') = 'sql' then
          perform millrace.refuse_unreadable(item ->> 'job', given);
        end if;
        update millrace.run r set input = given where r.id = held.run_id and r.state is null
        returning r.id, false, r.queue, due into run_id, created, queue, due_at;
        if exists (select from millrace.job j where j.name = item ->> 'job' and j.searchable is not null) then
          perform millrace.mark_runs(held.run_id, held.run_id);
        end if;
        return;
      end if;
    end if;

    update millrace.collapse c set run_id = id, first_at = at,
      until = at + coalesce((how ->> 'perMs')::float8, (how ->> 'waitMs')::float8) * interval '1 millisecond'
    where c.job = held.job and c.key = held.key;
    run_id := id;
    created := true;
    select e.queue, e.due_at into queue, due_at from millrace.enqueue_one(
      case when how ->> 'mode' = 'debounce' then item || jsonb_build_object('delay_ms', how -> 'waitMs', 'reason', 'debounce') else item end,
      ord, id) e;
  end $$;

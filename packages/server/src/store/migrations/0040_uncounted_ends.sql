-- additive: notes runs that fail or are cancelled, for those who count. Runs that complete pay the look at one condition (0.1 µs).

-- It comes after the trigger "ended", by its name, which may open a run again that is to make good first what it has done.
create function millrace.note_bad_end() returns trigger
  language plpgsql
  as $$
  begin
    if new.compensates and exists (select from millrace.run r where r.id = new.id and r.state is null) then
      return null;
    end if;
    insert into millrace.uncounted_end (run_id, job, state, at) values (new.id, new.job, new.state, clock_timestamp());
    return null;
  end $$;

create trigger ended_badly after update of state on millrace.run
  for each row when (new.state in ('failed', 'cancelled') and old.state is null) execute function millrace.note_bad_end();

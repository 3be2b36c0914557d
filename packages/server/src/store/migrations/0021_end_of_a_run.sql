-- The end of a run is noted by one trigger, which lets whoever settles runs pay nothing for those that are not concerned. A trigger that
-- fires before an update, as the one for compensation did, locks each row by itself first: 53 bytes of log a run. Additive.

-- A run that has something to make good and was just ended as cancelled or failed is made open again, in the same transaction. Answers false
-- of one that has made good already, or failed to, or was forced to end, also where it has begun since to do what is to be made good.
create function millrace.unwind(ended millrace.run) returns boolean
  language plpgsql
  as $$
  declare
    under record;
  begin
    select u.done into under from millrace.unwinding u where u.run_id = ended.id;
    if found and (under.done or ended.state = 'failed')
      or exists (select from millrace.cancellation c where c.run_id = ended.id and c.forced) then
      return false;
    end if;
    insert into millrace.unwinding (run_id, cause, attempt, failures) values (ended.id, ended.state::text, ended.attempts, ended.failures)
    on conflict do nothing;
    if found then
      insert into millrace.event (run_id, event, detail) values (ended.id, 'compensating', jsonb_build_object('cause', ended.state));
    end if;
    -- It waits for nothing any more, and its children are cancelled. That it was in the middle of an effect stays on record; so does what
    -- children have done of whose ends it was about to learn: it may have to be made good.
    perform from millrace.waiter w where w.run_id = ended.id order by w.run_id, w.name, w.ordinal for update;
    insert into millrace.step (run_id, name, ordinal, kind, seq, attempt, started_at, finished_at, value)
    select w.run_id, w.name, w.ordinal, w.kind, s.last + row_number() over (order by w.met_at, w.name, w.ordinal), ended.attempts, w.asked_at,
      w.met_at, w.value
    from millrace.waiter w cross join (select coalesce(max(seq), 0) as last from millrace.step where run_id = ended.id) s
    where w.run_id = ended.id and w.kind = 'call' and w.met_at is not null and not w.failed
    on conflict do nothing;
    delete from millrace.waiter w where w.run_id = ended.id and w.kind <> 'effect';
    if ended.parent then
      insert into millrace.orphaning (parent) values (ended.id);
    end if;
    delete from millrace.dead_letter d where d.run_id = ended.id;
    update millrace.run r set state = null, started_at = null, finished_at = null, worker_id = null where r.id = ended.id;
    insert into millrace.ready (queue, priority, job, version, run_ids, gated, start_by)
    values (ended.queue, ended.priority, ended.job, ended.version, array[ended.id], millrace.is_gated(ended.job, ended.queue),
      clock_timestamp());
    return true;
  end $$;

create function millrace.note_end() returns trigger
  language plpgsql
  as $$
  begin
    if new.compensates and new.state in ('cancelled', 'failed') and millrace.unwind(new) then
      return null;
    end if;
    if new.trigger = 'parent' then
      insert into millrace.child_end (run_id) values (new.id);
    end if;
    if new.parent then
      insert into millrace.orphaning (parent) values (new.id);
    end if;
    return null;
  end $$;

drop trigger compensation on millrace.run;
drop trigger family_end on millrace.run;
create trigger ended after update of state on millrace.run
  for each row when (old.state is null and new.state is not null and (new.trigger = 'parent' or new.parent or new.compensates))
  execute function millrace.note_end();
drop function millrace.unwind();
drop function millrace.note_family_end();

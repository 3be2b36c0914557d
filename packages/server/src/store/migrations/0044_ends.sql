-- How attempts and runs end is counted once. Three counted it before: rules for alerts (tally), charts (outcome_minute, and a trigger on run that wrote a row for
-- each run that ended badly), and workers for themselves. Not additive: a worker and a maintenance of the version before write to tables that are no more.
--
-- Who counts: a worker what it completes, in memory, told now and then; all other ends are noted by the statement that ends them, in a row for each job, outcome
-- and error, however many runs that is. Nobody else touches such a row, so nobody waits. Maintenance takes the rows away and adds them up, one process at a time.
--
-- What migration 40 says of its trigger, 0.1 µs, was not measured when it was written. Measured since, in batches of 250: settling takes 5.6 µs of the database's processor
-- a run without triggers for its end, 5.9 with `ended`, 6.0 with the second one. So that goes; and a batch that fails writes a note for each error, no more a row a run.

-- ---------------------------------------------------------------------------------------------------------------------
-- What is not added up yet.

alter table millrace.uncounted_end rename column run_id to last_run;
alter table millrace.uncounted_end rename column state to outcome;
alter table millrace.uncounted_end
  alter column last_run drop not null,
  alter column outcome type text,
  add column ends integer not null default 1,
  add column fingerprint text,
  add column error_class text,
  add column version text,
  add column worker_id integer;
update millrace.uncounted_end u
set fingerprint = d.fingerprint, error_class = d.error_class, version = r.version, worker_id = r.worker_id
from millrace.dead_letter d cross join lateral (select version, worker_id from millrace.run where id = d.run_id limit 1) r
where u.outcome = 'failed' and d.run_id = u.last_run;
comment on table millrace.uncounted_end is 'How attempts and runs have ended, not added up yet: a row for each job, outcome and error of a statement.';
comment on column millrace.uncounted_end.outcome is 'See millrace.end_minute.';
comment on column millrace.uncounted_end.last_run is 'Of runs that failed, the latest; null for other ends.';
comment on column millrace.uncounted_end.version is 'That of the job to which the runs that failed are pinned; null for that of the worker.';

-- ---------------------------------------------------------------------------------------------------------------------
-- What is added up.

create table millrace.end_minute (
  at timestamptz not null,
  job text not null,
  outcome text not null constraint end_minute_outcome_known check (outcome in ('completed', 'failed', 'cancelled', 'retried', 'lost')),
  ends integer not null,
  primary key (at, job, outcome)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
comment on table millrace.end_minute is 'How many attempts and runs of a job ended in a minute, each once.';
comment on column millrace.end_minute.outcome is 'A run completed, failed or was cancelled; or an attempt of a run that goes on failed, or its own process died (retried), or was lost with its worker. What a worker has completed and not told when it is killed is not counted.';

create table millrace.end_hour (like millrace.end_minute including all);
comment on table millrace.end_hour is 'The same by the hour, for longer.';

create table millrace.call_minute (
  at timestamptz not null,
  project text not null,
  host text not null,
  calls integer not null,
  failed integer not null,
  within integer[] not null,
  primary key (at, project, host)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
comment on table millrace.call_minute is 'How calls of handlers to a host ended in a minute, by what the workers of a project tell.';
comment on column millrace.call_minute.within is 'How many took as long as each of a few bounds allows, the slowest last.';

insert into millrace.end_minute (at, job, outcome, ends) select at, job, state::text, runs from millrace.outcome_minute where state in ('completed', 'failed', 'cancelled');
insert into millrace.end_hour (at, job, outcome, ends) select at, job, state::text, runs from millrace.outcome_hour where state in ('completed', 'failed', 'cancelled');
-- Rules counted attempts, in the same minutes but for those that were told late.
insert into millrace.end_minute (at, job, outcome, ends)
select t.at, t.name, 'retried', sum(t.failed) - coalesce(max(m.runs), 0)
from millrace.tally t left join millrace.outcome_minute m on m.at = t.at and m.job = t.name and m.state = 'failed'
where t.kind = 'attempts' group by t.at, t.name having sum(t.failed) > coalesce(max(m.runs), 0);
insert into millrace.call_minute (at, project, host, calls, failed, within)
select at, project, name, count, failed, within from millrace.tally where kind = 'calls';
drop table millrace.tally, millrace.outcome_minute, millrace.outcome_hour;

-- ---------------------------------------------------------------------------------------------------------------------
-- Who notes it in the database.

-- As before. A run that makes good what it did is counted here: whoever ends it cannot know whether it is made open again.
create or replace function millrace.note_end() returns trigger
  language plpgsql
  as $$
  begin
    if new.compensates and new.state in ('cancelled', 'failed') then
      if millrace.unwind(new) then
        return null;
      end if;
      insert into millrace.uncounted_end (job, outcome, ends, at, fingerprint, error_class, version, worker_id, last_run)
      select new.job, new.state::text, 1, clock_timestamp(), d.fingerprint, d.error_class, new.version, new.worker_id, d.run_id
      from (select) one left join millrace.dead_letter d on new.state = 'failed' and d.run_id = new.id;
    end if;
    if new.trigger = 'parent' then
      insert into millrace.child_end (run_id) values (new.id);
    end if;
    if new.parent then
      insert into millrace.orphaning (parent) values (new.id);
    end if;
    if exists (select from millrace.webhook_subscription where enabled) then
      perform millrace.tell_subscriptions(new);
    end if;
    return null;
  end $$;

-- As before, and counts whom it cancels.
create or replace function millrace.drop_from_gate(job text, key text, runs uuid[], why text) returns void
  language sql
  as $$
    with victim as materialized (
      select coalesce(array_agg(u.id), '{}') as ids from unnest(runs) u(id)
      where not exists (select from millrace.unwinding n where n.run_id = u.id and not n.done)
    ),
    emptied as (
      delete from millrace.gate g using victim v
      where g.job = drop_from_gate.job and g.key = drop_from_gate.key and g.run_ids <@ v.ids
    ),
    shrunk as (
      update millrace.gate g set run_ids = array(
        select u.id from unnest(g.run_ids) with ordinality u(id, ord) where u.id <> all (v.ids) order by u.ord)
      from victim v
      where g.job = drop_from_gate.job and g.key = drop_from_gate.key and g.run_ids && v.ids and not g.run_ids <@ v.ids
    ),
    ended as (
      update millrace.run r set state = 'cancelled', finished_at = clock_timestamp()
      from victim v where r.id = any (v.ids) and r.state is null returning r.id, r.compensates
    ),
    counted as (
      insert into millrace.uncounted_end (job, outcome, ends, at)
      select drop_from_gate.job, 'cancelled', count(*), clock_timestamp() from ended where not compensates having count(*) > 0
    )
    insert into millrace.event (run_id, event, actor, detail)
    select id, 'not started', 'millrace', jsonb_build_object('reason', why) from ended
  $$;

-- Busy tables come last.
drop trigger ended_badly on millrace.run;
drop function millrace.note_bad_end();

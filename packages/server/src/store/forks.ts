import { statement } from "./statement.ts";

/** What a fork begins with. */
export interface CopiedRow {
  /** How many checkpoints. */
  steps: number;
  /** Those of which the value is in the store for large ones, which has it below the other run; a JSON list, null for none. */
  stored: { name: string; value: string }[] | null;
  /** The name of a step among them which the other run has made good. */
  undone: string | null;
  /** The other run makes good at the moment what it did. */
  undoing: boolean;
  /** To which the other run is pinned. */
  version: string | null;
}

/**
 * Copies what a run has on record before one of its steps, or all of it for one that waits still, to another run, which no attempt has
 * made: number 0. That people were told of an approval which is not copied is not, either: they were told of the other run's. One
 * statement, because the run may be open, and goes on meanwhile. No row: its handler has no such step on record.
 */
export const copySteps = statement<
  [from: string, to: string, step: string, ordinal: number],
  CopiedRow
>(
  "copy_steps",
  `with place as materialized (
      select seq from millrace.step where run_id = $1 and name = $3 and ordinal = $4 and kind <> 'compensation'
      union all
      select null from millrace.waiter where run_id = $1 and name = $3 and ordinal = $4
      limit 1
    ),
    copied as (
      insert into millrace.step (run_id, name, ordinal, kind, seq, attempt, started_at, finished_at, value, failed)
      select $2, s.name, s.ordinal, s.kind, s.seq, 0, s.started_at, s.finished_at, s.value, s.failed
      from place p cross join millrace.step s
      where s.run_id = $1 and (p.seq is null or s.seq < p.seq) and s.kind <> 'compensation'
        and not (s.kind = 'step' and exists (
          select from (
            select name, ordinal from millrace.step where run_id = $1 and kind = 'approval' and seq >= p.seq
            union all
            select name, ordinal from millrace.waiter where run_id = $1 and ask is not null
          ) a
          where s.name = 'notify ' || a.name and s.ordinal = a.ordinal
        ))
      returning name, value
    )
    select (select count(*)::int from copied) as steps,
      (select json_agg(json_build_object('name', name, 'value', value::text)) from copied where value -> '$' ->> 0 = 'stored') as stored,
      (select c.name from millrace.step u join copied c on u.name = 'undo:' || c.name
        where u.run_id = $1 and u.kind = 'compensation' limit 1) as undone,
      exists (select from millrace.unwinding where run_id = $1 and not done) as undoing,
      (select version from millrace.run where id = $1) as version
    from place`,
);

/**
 * Pins a run, and its parcel, that was accepted in this transaction: no other has seen it. Its parcel is found by the deadline, which no
 * older one of its level has.
 */
export const pinAccepted = statement<[run: string, version: string], never>(
  "pin_accepted",
  `with pinned as (
      update millrace.run set version = $2 where id = $1 returning job, queue, priority
    )
    update millrace.ready p set version = $2 from pinned r
    where p.queue = r.queue and p.job = r.job and p.priority = r.priority and p.run_ids = array[$1::uuid]
      and p.start_by >= now() + coalesce((select start_within from millrace.job where name = r.job), interval '10 minutes')`,
);

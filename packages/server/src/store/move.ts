import { statement } from "./statement.ts";

/** The lease that holds a run, if one does. */
export const holderOf = statement<[run: string], { id: number }>(
  "holder_of",
  `select id from millrace.lease where run_ids @> array[$1::uuid] limit 1`,
);

/** Whether a queue takes runs, and who drains it. */
export interface Intake {
  drained: boolean;
  drained_by: string | null;
}

/** Of a queue in which runs of a job may stand: that all share, or of the job's project; no row for any other. */
export const readIntake = statement<[queue: string, job: string], Intake>(
  "read_intake",
  `select q.drained_at is not null and (q.drained_until is null or q.drained_until > clock_timestamp()) as drained, q.drained_by
   from millrace.queue q
   where q.name = $1 and (q.project is null or q.project = (select project from millrace.job where name = $2))`,
);

export const lockTimer = statement<[run: string], { run_id: string }>(
  "lock_timer",
  `select run_id from millrace.timer where run_id = $1 for update`,
);

/** How a run stood among those that wait. */
export interface Stood {
  version: string | null;
  start_by: Date;
  since: Date;
}

/** Takes a run out of its parcel, as a cancel does. Its cost is that of `dropFromReady`. */
export const takeFromReady = statement<[run: string, queue: string, priority: number], Stood>(
  "take_from_ready",
  `with parcel as materialized (
      select seq, run_ids, version, start_by, since from millrace.ready
      where queue = $2 and priority = $3 and run_ids @> array[$1::uuid] for update
    ),
    emptied as (
      delete from millrace.ready r using parcel p
      where r.queue = $2 and r.priority = $3 and r.seq = p.seq and cardinality(p.run_ids) = 1
    ),
    shrunk as (
      update millrace.ready r set run_ids = array_remove(r.run_ids, $1) from parcel p
      where r.queue = $2 and r.priority = $3 and r.seq = p.seq and cardinality(p.run_ids) > 1
    )
    select version, start_by, since from parcel`,
);

/** The same before the gate. */
export const takeFromGate = statement<[run: string, job: string], Stood>(
  "take_from_gate",
  `with parcel as materialized (
      select key, queue, seq, run_ids, version, start_by, since from millrace.gate
      where job = $2 and run_ids @> array[$1::uuid] for update
    ),
    emptied as (
      delete from millrace.gate g using parcel p
      where g.job = $2 and g.key = p.key and g.queue = p.queue and g.seq = p.seq and cardinality(p.run_ids) = 1
    ),
    shrunk as (
      update millrace.gate g set run_ids = array_remove(g.run_ids, $1) from parcel p
      where g.job = $2 and g.key = p.key and g.queue = p.queue and g.seq = p.seq and cardinality(p.run_ids) > 1
    )
    select version, start_by, since from parcel`,
);

export const placeRun = statement<[run: string, queue: string, priority: number], never>(
  "place_run",
  `update millrace.run set queue = $2, priority = $3 where id = $1`,
);

/** Lets a run stand in a parcel of its own, where its queue and priority say, with the deadline and the wait that it had. */
export const standInReady = statement<
  [
    run: string,
    queue: string,
    priority: number,
    job: string,
    version: string | null,
    startBy: Date,
    since: Date,
  ],
  never
>(
  "stand_in_ready",
  `insert into millrace.ready (queue, priority, job, version, run_ids, gated, start_by, since)
   values ($2, $3, $4, $5, array[$1::uuid], millrace.is_gated($4, $2), $6, $7)`,
);

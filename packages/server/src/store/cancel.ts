import type { FinalState } from "@millrace/core";
import { noteCancelled } from "./ends.ts";
import { statement } from "./statement.ts";

/** Locks the run's row, so that settling and cancelling happen one after the other. */
export const lockRun = statement<
  [run: string],
  {
    id: string;
    job: string;
    queue: string;
    priority: number;
    state: FinalState | null;
    compensates: boolean;
  }
>(
  "lock_run",
  `select id, job, queue, priority, state, compensates from millrace.run where id = $1 for update`,
);

/** The same for a run whose lease is locked already: nobody but the run's own transaction can end it meanwhile. */
export const readLeasedRun = statement<
  [run: string],
  {
    id: string;
    job: string;
    queue: string;
    priority: number;
    state: FinalState | null;
    compensates: boolean;
  }
>(
  "read_leased_run",
  `select id, job, queue, priority, state, compensates from millrace.run where id = $1`,
);

export const askToCancel = statement<
  [run: string, by: string, reason: string | null, forced: boolean],
  never
>(
  "ask_to_cancel",
  `insert into millrace.cancellation as c (run_id, requested_by, reason, forced) values ($1, $2, $3, $4)
   on conflict (run_id) do update set forced = true where excluded.forced and not c.forced`,
);

export const dropTimer = statement<[run: string], never>(
  "drop_timer",
  `delete from millrace.timer where run_id = $1`,
);

/**
 * Notes the cancel in the lease that holds the run, if one does, and locks it. Not of a run that is to end already, and makes good what it
 * has done, unless it is forced.
 */
export const unwantInLease = statement<[run: string, forced: boolean], { id: number }>(
  "unwant_in_lease",
  `update millrace.lease set unwanted = array_append(array_remove(unwanted, $1), $1)
   where run_ids @> array[$1::uuid] and ($2 or not exists (select from millrace.unwinding where run_id = $1)) returning id`,
);

/**
 * Takes a run out of its parcel. It reads the queue's parcels of that priority, so it costs as much as the backlog is
 * long (0.2 s at a million parcels): cancelling is rare, and an index that finds runs in parcels would tax every enqueue.
 */
export const dropFromReady = statement<[run: string, queue: string, priority: number], never>(
  "drop_from_ready",
  `with parcel as (
      select seq, run_ids from millrace.ready
      where queue = $2 and priority = $3 and run_ids @> array[$1::uuid] for update
    ),
    emptied as (
      delete from millrace.ready r using parcel p
      where r.queue = $2 and r.priority = $3 and r.seq = p.seq and cardinality(p.run_ids) = 1
    )
    update millrace.ready r set run_ids = array_remove(r.run_ids, $1) from parcel p
    where r.queue = $2 and r.priority = $3 and r.seq = p.seq and cardinality(p.run_ids) > 1`,
);

/** The same before the gate; it reads the parcels of the run's job. */
export const dropFromGate = statement<[run: string, job: string], never>(
  "drop_from_gate",
  `with parcel as (
      select key, queue, seq, run_ids from millrace.gate where job = $2 and run_ids @> array[$1::uuid] for update
    ),
    emptied as (
      delete from millrace.gate g using parcel p
      where g.job = $2 and g.key = p.key and g.queue = p.queue and g.seq = p.seq and cardinality(p.run_ids) = 1
    )
    update millrace.gate g set run_ids = array_remove(g.run_ids, $1) from parcel p
    where g.job = $2 and g.key = p.key and g.queue = p.queue and g.seq = p.seq and cardinality(p.run_ids) > 1`,
);

/** One that makes good first what it has done is open again afterwards, and stands in its queue: see `millrace.unwind`. */
export const cancelRun = statement<[run: string], never>(
  "cancel_run",
  `with ended as (
      update millrace.run set state = 'cancelled', finished_at = clock_timestamp() where id = $1 and state is null returning job, compensates
    )${noteCancelled("ended")}`,
);

/** Whether a run is to end already, and makes good first what it has done. */
export const isUnwinding = statement<[run: string], { unwinding: boolean }>(
  "is_unwinding",
  `select exists (select from millrace.unwinding where run_id = $1) as unwinding`,
);

/** Of these runs, the ones whose cancel was asked for, and that do not make good what they have done. */
export const cancelsAmong = statement<[runs: string[]], { run_id: string; reason: string | null }>(
  "cancels_among",
  `select c.run_id, c.reason from millrace.cancellation c
   where c.run_id = any ($1::uuid[]) and (c.forced or not exists (select from millrace.unwinding u where u.run_id = c.run_id))`,
);

import { noteCancelled } from "./ends.ts";
import { intoReady, pinned } from "./ready.ts";
import { FENCE, ROOMIER, type SettledRow, letters } from "./settle.ts";
import { statement } from "./statement.ts";

/**
 * Lets runs leave their leases while all that is under way in them is waits. The attempt ends as released and uses up nothing; when
 * the cancel of the run was asked for, the run is cancelled instead.
 *
 * What a run waits for may have come since its worker looked. So its waits are locked here, as they are by whoever gives it
 * something: who comes second sees what the first has done, and a run that has got something goes to the back of its queue.
 *
 * A statement of its own, so that others do not pay for it. The last three parameters are the steps that wait: of each its run, name and
 * ordinal, or without the latter two all of the run.
 */
export const settleSuspended = statement<
  [
    worker: number,
    leases: number[],
    runs: string[],
    due: Date[],
    waitRuns: string[],
    waitNames: (string | null)[],
    waitOrdinals: (number | null)[],
  ],
  SettledRow
>(
  "settle_suspended",
  `with settling as materialized (
      select *, clock_timestamp() as at
      from unnest($2::bigint[], $3::uuid[], $4::timestamptz[]) with ordinality s(lease_id, run_id, due_at, place)
    ),
    ${FENCE},
    standing as materialized (
      select w.run_id, w.name, w.ordinal, w.kind, w.met_at from millrace.waiter w
      where w.run_id = any (array(select run_id from fenced)) order by w.run_id, w.name, w.ordinal for update of w
    ),
    waiting as materialized (
      select s.run_id, bool_or(s.kind <> 'sleep') as wakeable, bool_or(s.met_at is not null) as met
      from standing s
      -- Only what it waits for: what it does not come to any more would wake it for nothing, again and again.
      join unnest($5::uuid[], $6::text[], $7::integer[]) a(run_id, name, ordinal)
        on a.run_id = s.run_id and (a.name is null or a.name = s.name and a.ordinal = s.ordinal)
      group by s.run_id
    ),
    moved as (
      update millrace.run r
      set attempts = r.attempts + 1, version = ${pinned("f")},
        state = case when f.unwanted then 'cancelled'::millrace.run_state end,
        started_at = case when f.unwanted then f.claimed_at end,
        finished_at = case when f.unwanted then f.at end,
        worker_id = case when f.unwanted then f.worker_id end
      from fenced f left join waiting w on w.run_id = f.run_id
      where r.id = any (array[f.run_id]) and r.state is null
      returning r.id, r.attempts, r.state, r.compensates, r.queue, r.priority, r.job, r.version, f.due_at, f.worker_id, f.claimed_at, f.at,
        coalesce(w.wakeable, false) as wakeable, coalesce(w.met, false) as met
    ),
    attempted as (
      insert into millrace.attempt (run_id, number, outcome, worker_id, started_at, finished_at)
      select id, attempts, case when state is null then 'released' else 'cancelled' end::millrace.attempt_outcome, worker_id,
        claimed_at, at
      from moved
    ),
    counted as (${noteCancelled("(select job, compensates from moved where state is not null) c")}
    ),
    asleep as (
      insert into millrace.timer (run_id, due_at, reason)
      select id, due_at, case when wakeable then 'wait' else 'sleep' end
      from moved where state is null and not met
    ),
    awake as (
      ${intoReady(`select queue, priority, job, version, array_agg(id order by id) as run_ids
      from (
        select *, (row_number() over (partition by queue, priority, job, version order by id) - 1) / 250 as parcel
        from moved where state is null and met
      ) chunk
      group by queue, priority, job, version, parcel`)}
    )
    select (${letters("'r'")}) as letters, ${ROOMIER}`,
);

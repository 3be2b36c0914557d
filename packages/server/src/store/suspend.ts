import { FENCE, ROOMIER, type SettledRow, letters } from "./settle.ts";
import { statement } from "./statement.ts";

/**
 * Lets runs leave their leases to sleep until an instant. The attempt ends as released and uses up nothing; when the cancel
 * of the run was asked for, the run is cancelled instead. A statement of its own, so that others do not pay for it.
 */
export const settleSuspended = statement<
  [worker: number, leases: number[], runs: string[], due: Date[]],
  SettledRow
>(
  "settle_suspended",
  `with settling as materialized (
      select *, clock_timestamp() as at
      from unnest($2::bigint[], $3::uuid[], $4::timestamptz[]) with ordinality s(lease_id, run_id, due_at, place)
    ),
    ${FENCE},
    moved as (
      update millrace.run r
      set attempts = r.attempts + 1,
        state = case when f.unwanted then 'cancelled'::millrace.run_state end,
        started_at = case when f.unwanted then f.claimed_at end,
        finished_at = case when f.unwanted then f.at end,
        worker_id = case when f.unwanted then f.worker_id end
      from fenced f where r.id = any (array[f.run_id]) and r.state is null
      returning r.id, r.attempts, r.state, f.due_at, f.worker_id, f.claimed_at, f.at
    ),
    attempted as (
      insert into millrace.attempt (run_id, number, outcome, worker_id, started_at, finished_at)
      select id, attempts, case when state is null then 'released' else 'cancelled' end::millrace.attempt_outcome, worker_id,
        claimed_at, at
      from moved
    ),
    asleep as (
      insert into millrace.timer (run_id, due_at, reason) select id, due_at, 'sleep' from moved where state is null
    )
    select (${letters("'r'")}) as letters, ${ROOMIER}`,
);

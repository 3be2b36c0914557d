import { pinned } from "./ready.ts";
import { FENCE, ROOMIER, type SettledRow, letters } from "./settle.ts";
import { statement } from "./statement.ts";

/**
 * Parks runs whose code does not come to what they have on record. The attempt ends as released and uses up nothing; when the cancel of
 * the run was asked for, the run is cancelled instead.
 *
 * A worker with other code may be there already, or come. So a run is tried again after as long as nothing has been recorded in it, from
 * 30 s to an hour: twice as long each time, without a counter. The timeline tells of it when the reason is another than before.
 */
export const settleParked = statement<
  [worker: number, leases: number[], runs: string[], messages: string[]],
  SettledRow
>(
  "settle_parked",
  `with settling as materialized (
      select *, clock_timestamp() as at
      from unnest($2::bigint[], $3::uuid[], $4::text[]) with ordinality s(lease_id, run_id, message, place)
    ),
    ${FENCE},
    moved as (
      update millrace.run r
      set attempts = r.attempts + 1, version = ${pinned("f.worker_id")},
        state = case when f.unwanted then 'cancelled'::millrace.run_state end,
        started_at = case when f.unwanted then f.claimed_at end,
        finished_at = case when f.unwanted then f.at end,
        worker_id = case when f.unwanted then f.worker_id end
      from fenced f where r.id = any (array[f.run_id]) and r.state is null
      returning r.id, r.attempts, r.state, f.message, f.worker_id, f.claimed_at, f.at
    ),
    attempted as (
      insert into millrace.attempt (run_id, number, outcome, worker_id, started_at, finished_at, error_class, error_message)
      select id, attempts, case when state is null then 'released' else 'cancelled' end::millrace.attempt_outcome, worker_id,
        claimed_at, at, case when state is null then 'NeedsVersion' end,
        case when state is null then message end
      from moved
    ),
    parked as (
      insert into millrace.timer (run_id, due_at, reason)
      select m.id, m.at + least(interval '1 hour', greatest(interval '30 seconds', m.at - s.last_at)) * (0.9 + random() * 0.2), 'version'
      from moved m left join lateral (select max(finished_at) as last_at from millrace.step where run_id = m.id offset 0) s on true
      where m.state is null
    ),
    noted as (
      insert into millrace.event (run_id, event, detail)
      select id, 'needs version', jsonb_build_object('message', message)
      from moved where state is null and millrace.why_parked(id) is distinct from message
    )
    select (${letters("'r'")}) as letters, ${ROOMIER}`,
);

/** Has parked runs of these jobs tried again, a thousand a second, because code of theirs has been loaded somewhere. */
export const unpark = statement<[jobs: string[]], never>(
  "unpark",
  `with parked as materialized (
      select t.run_id, row_number() over (order by t.run_id) as place
      from millrace.timer t cross join lateral (select job from millrace.run where id = t.run_id limit 1) r
      where t.reason = 'version' and r.job = any ($1)
    )
    update millrace.timer t set due_at = least(t.due_at, clock_timestamp() + p.place * interval '1 millisecond')
    from parked p where t.run_id = p.run_id and t.reason = 'version'`,
);

import { noteCancelled } from "./ends.ts";
import { pinned } from "./ready.ts";
import { FENCE, ROOMIER, type SettledRow, letters } from "./settle.ts";
import { statement } from "./statement.ts";

/**
 * Parks runs whose code does not come to what they have on record. The attempt ends as released and uses up nothing; when the cancel of
 * the run was asked for, the run is cancelled instead.
 *
 * A worker with other code may be there already, or come. So a run is tried again: after 30 s, and when it is parked once more by the
 * attempt that comes next, after twice as long as it waited for that, up to an hour. So it begins anew where {@link unpark} had it tried
 * early, and old code was quicker than new. The timeline tells of it when the reason is another than before.
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
      set attempts = r.attempts + 1, version = ${pinned("f")},
        state = case when f.unwanted then 'cancelled'::millrace.run_state end,
        started_at = case when f.unwanted then f.claimed_at end,
        finished_at = case when f.unwanted then f.at end,
        worker_id = case when f.unwanted then f.worker_id end
      from fenced f where r.id = any (array[f.run_id]) and r.state is null
      returning r.id, r.job, r.attempts, r.state, r.compensates, f.message, f.worker_id, f.claimed_at, f.at
    ),
    attempted as (
      insert into millrace.attempt (run_id, number, outcome, worker_id, started_at, finished_at, error_class, error_message)
      select id, attempts, case when state is null then 'released' else 'cancelled' end::millrace.attempt_outcome, worker_id,
        claimed_at, at, case when state is null then 'NeedsVersion' end,
        case when state is null then message end
      from moved
    ),
    counted as (${noteCancelled("(select job, compensates from moved where state is not null) c")}
    ),
    parked as (
      insert into millrace.timer (run_id, due_at, reason)
      select m.id, m.at + least(interval '1 hour', greatest(interval '30 seconds', 2 * p.waited)) * (0.9 + random() * 0.2), 'version'
      from moved m left join lateral (
        select m.claimed_at - a.finished_at as waited from millrace.attempt a
        where a.run_id = m.id and a.number = m.attempts - 1 and a.error_class = 'NeedsVersion' offset 0
      ) p on true
      where m.state is null
    ),
    noted as (
      insert into millrace.event (run_id, event, detail)
      select id, 'needs version', jsonb_build_object('message', message)
      from moved where state is null and millrace.why_parked(id) is distinct from message
    )
    select (${letters("'r'")}) as letters, ${ROOMIER}`,
);

/** Has parked runs of these jobs tried again, a thousand a second, because a worker that has loaded code of theirs is there. */
export const unpark = statement<[jobs: string[]], never>(
  "unpark",
  `with parked as materialized (
      select t.run_id
      from millrace.timer t cross join lateral (select job from millrace.run where id = t.run_id limit 1) r
      where t.reason = 'version' and r.job = any ($1)
      -- Workers that start together would wait for each other.
      for update of t skip locked
    )
    update millrace.timer t set due_at = least(t.due_at, clock_timestamp() + p.place * interval '1 millisecond')
    from (select run_id, row_number() over (order by run_id) as place from parked) p where t.run_id = p.run_id`,
);

/** Runs of one job that need other code. */
export interface NeedyRow {
  job: string;
  /** To which they are pinned, and no living worker can run it; null for those that are parked. */
  version: string | null;
  runs: number;
  example: string;
}

/** Jobs whose runs need other code than the living workers have. */
export const listNeedy = statement<[], NeedyRow>(
  "list_needy",
  `select r.job, null as version, count(*)::int as runs, min(t.run_id::text) as example
   from millrace.timer t cross join lateral (select job from millrace.run where id = t.run_id limit 1) r
   where t.reason = 'version' group by r.job
   union all
   select p.job, p.version, sum(cardinality(p.run_ids))::int, min(p.run_ids[1]::text)
   from (
     select job, version, run_ids from millrace.ready where version is not null
     union all
     select job, version, run_ids from millrace.gate where version is not null
   ) p
   where not exists (
     select from millrace.worker w
     where w.state = 'active' and (w.versions -> p.job ->> 'is' = p.version or w.versions -> p.job -> 'finishes' ? p.version))
   group by p.job, p.version
   order by 1, 2`,
);

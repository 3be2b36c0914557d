import { statement } from "./statement.ts";
import { FENCED_STEPS } from "./steps.ts";

/** Why a run is to end, and whether it has something to make good. */
export interface UnwindingRow {
  compensates: boolean;
  /** Null for a run that goes on. */
  cause: "cancelled" | "failed" | null;
  /** Those of the run before it began to unwind. */
  failures: number | null;
  /** Of the attempt that it failed with. */
  error_class: string | null;
  error_message: string | null;
  error_stack: string | null;
}

export const readUnwinding = statement<[run: string], UnwindingRow>(
  "read_unwinding",
  `select r.compensates, u.cause, u.failures, a.error_class, a.error_message, a.error_stack
   from millrace.run r
   left join millrace.unwinding u on u.run_id = r.id
   left join lateral (
     select error_class, error_message, error_stack from millrace.attempt
     where u.cause = 'failed' and run_id = r.id and number = u.attempt limit 1
   ) a on true
   where r.id = $1`,
);

/** Of one run each, its lease. */
type Through = [worker: number, leases: number[], runs: string[]];

const MADE = `with made as materialized (
      select * from unnest($2::bigint[], $3::uuid[]) with ordinality m(lease_id, run_id, place)
    ),
    ${FENCED_STEPS}`;

const HELD = `select f.place is not null as held from made m left join fenced f on f.place = m.place order by m.place`;

/** Notes, through their leases, that runs are about to do what is to be made good. */
export const markCompensating = statement<Through, { held: boolean }>(
  "mark_compensating",
  `${MADE},
    marked as (
      update millrace.run r set compensates = true from fenced f
      where r.id = any (array[f.run_id]) and r.state is null and not r.compensates
    )
    ${HELD}`,
);

/** Notes, through their leases, that runs have made good all that they had to. */
export const finishUnwinding = statement<Through, { held: boolean }>(
  "finish_unwinding",
  `${MADE},
    finished as (
      update millrace.unwinding u set done = true from fenced f where u.run_id = f.run_id and not u.done returning u.run_id
    ),
    told as (
      insert into millrace.event (run_id, event) select run_id, 'compensated' from finished
    )
    ${HELD}`,
);

/** Forgets what is noted of runs that have ended, or are no more, in a window; answers where it ended, null at the end of all. */
export const pruneUnwindings = statement<
  [after: string, limit: number],
  { pruned: number; last: string | null }
>(
  "prune_unwindings",
  `with seen as materialized (
      select run_id from millrace.unwinding where run_id > $1::uuid order by run_id limit $2
    ),
    gone as materialized (
      select s.run_id from seen s
      left join lateral (select true as there, state from millrace.run where id = s.run_id limit 1) r on true
      where r.there is null or r.state is not null
    ),
    forgotten as (
      delete from millrace.unwinding u using gone g where u.run_id = g.run_id returning 1
    )
    select (select count(*)::int from forgotten) as pruned,
      case when (select count(*) from seen) = $2 then (select run_id from seen order by run_id desc limit 1) end as last`,
);

import { intoReady } from "./ready.ts";
import { statement } from "./statement.ts";

/**
 * Puts the runs of `due` (run_id, due_at), which have left their timers, at the back of their queues, earliest first; answers
 * the queues that got something, and how many runs.
 */
const INTO_QUEUES = `
    woken as (
      select r.id, r.job, r.queue, r.priority, r.version, d.due_at,
        (row_number() over (partition by r.queue, r.priority, r.job, r.version order by d.due_at, r.id) - 1) / 250 as parcel
      -- As in a claim: a join of many may be planned to read the whole history.
      from due d cross join lateral (select * from millrace.run where id = d.run_id limit 1) r
      where r.state is null
    ),
    queued as (
      ${intoReady(`select queue, priority, job, version, array_agg(id order by due_at, id) as run_ids from woken
      group by queue, priority, job, version, parcel order by min(due_at)`)}
      returning queue, cardinality(run_ids) as runs
    )
    select queue, sum(runs)::int as runs from queued group by queue`;

/**
 * Moves timers that are due, of delays, retries and waits, to the back of their queues. Any number of dispatchers may do so at once.
 * Parameter: how many timers at the most. The time is asked once, by a query of its own: compared with a function that changes, each timer
 * that is not due would be read, and 100,000 sleepers cost 20 ms every second.
 */
export const dispatchDue = statement<[limit: number], { queue: string; runs: number }>(
  "dispatch_due",
  `with due as materialized (
      select run_id, due_at from millrace.timer
      where due_at <= (select clock_timestamp()) order by due_at limit $1 for update skip locked
    ),
    gone as (
      delete from millrace.timer where run_id = any (array(select run_id from due))
    ),
    ${INTO_QUEUES}`,
);

/** The same for runs that wait, before their time: something has come that they wait for. Others of these runs it leaves alone. */
export const wakeWaiting = statement<[runs: string[]], { queue: string; runs: number }>(
  "wake_waiting",
  `with due as materialized (
      delete from millrace.timer where run_id = any ($1::uuid[]) and reason = 'wait' returning run_id, clock_timestamp() as due_at
    ),
    ${INTO_QUEUES}`,
);

/** The same for one that is not due yet, or waits for its next attempt: somebody will not wait. One whose steps wait for something it leaves alone. */
export const startEarly = statement<[run: string], { queue: string; runs: number }>(
  "start_early",
  `with due as materialized (
      delete from millrace.timer where run_id = $1 and reason not in ('sleep', 'wait') returning run_id, clock_timestamp() as due_at
    ),
    ${INTO_QUEUES}`,
);

/** How long until the next timer is due, in milliseconds by the database's clock; no row when there is none. */
export const nextTimer = statement<[], { in_ms: number }>(
  "next_timer",
  `select greatest(0, extract(epoch from due_at - clock_timestamp()) * 1000)::float8 as in_ms
   from millrace.timer order by due_at limit 1`,
);

import { statement } from "../store/statement.ts";

/** What can happen in a database by itself. */
export interface Outlook {
  /** Events, or ends of children, that nobody was given yet. */
  news: boolean;
  /** Runs that a worker may claim, if nothing holds them. */
  ready: boolean;
  /** Until the next timer is due, and what it is for; null when there is none. */
  in_ms: number | null;
  reason: string | null;
}

/** Asked before all that a test lets happen, so that what can not happen is not asked for one by one. */
export const lookAround = statement<[], Outlook>(
  "look_around",
  `select exists (select from millrace.arrival) or exists (select from millrace.child_end)
       or exists (select from millrace.orphaning) as news,
     exists (select from millrace.ready) or exists (select from millrace.gate) as ready,
     (extract(epoch from t.due_at - clock_timestamp()) * 1000)::float8 as in_ms, t.reason
   from (select) here left join (select due_at, reason from millrace.timer order by due_at limit 1) t on true`,
);

/** Whether a worker holds anything: a row, or none. */
export const leaseOf = statement<[worker: number], Record<string, never>>(
  "lease_of",
  `select from millrace.lease where worker_id = $1 limit 1`,
);

import { statement } from "./statement.ts";

export interface BackfillRow {
  id: number;
  /** The range, and the schedule. */
  filter: { schedule: string; from: string; until: string };
  rate: number | null;
  handled: number;
  done: number;
  skipped: number;
  refused: number;
}

export const createBackfill = statement<
  [filter: string, rate: number, total: number, by: string, job: string],
  { id: number }
>(
  "create_backfill",
  `insert into millrace.operation (kind, filter, rate, canary, created_by, total, next_at, backfill_at, projects)
   values ('backfill', $1::jsonb, $2, false, $4, $3, '9999-12-31Z', clock_timestamp(),
     (select array[project] from millrace.job where name = $5)) returning id`,
);

/** Plans the occurrences that a backfill is about; those that the ledger has without a run are planned anew. Parameter: a JSON list. */
export const planBackfill = statement<[operation: number, items: string], never>(
  "plan_backfill",
  `insert into millrace.occurrence as o (schedule, nominal, at, outcome, reason, dst, operation_id)
   select schedule, nominal, nominal, 'planned', 'backfill ' || $1::bigint, dst, $1
   from jsonb_to_recordset($2::jsonb) as i(schedule text, nominal timestamptz, dst text) order by nominal
   on conflict (schedule, nominal) do update
   set outcome = 'planned', reason = excluded.reason, operation_id = excluded.operation_id
   where o.run_id is null and o.outcome in ('skipped', 'merged')`,
);

/** Locks the backfill that has been due for longest and that no other process works on. */
export const takeBackfill = statement<[], BackfillRow>(
  "take_backfill",
  `select id, filter, rate, handled, done, skipped, refused from millrace.operation
   where state = 'running' and backfill_at <= (select clock_timestamp()) order by backfill_at limit 1 for update skip locked`,
);

/** How long until the next backfill is due, in milliseconds by the database's clock; no row when none runs. */
export const nextBackfill = statement<[], { in_ms: number }>(
  "next_backfill",
  `select greatest(0, extract(epoch from backfill_at - clock_timestamp()) * 1000)::float8 as in_ms
   from millrace.operation where state = 'running' and backfill_at is not null order by backfill_at limit 1`,
);

/** The next ones that it makes runs for, oldest first. */
export const nextBackfilled = statement<
  [operation: number, limit: number],
  { nominal: Date; dst: string | null }
>(
  "next_backfilled",
  `select nominal, dst from millrace.occurrence
   where operation_id = $1 and outcome = 'planned' order by nominal limit $2`,
);

export const saveBackfill = statement<
  [id: number, done: number, refused: number, reason: string | null, restMs: number],
  never
>(
  "save_backfill",
  `update millrace.operation
   set handled = handled + $2::integer + $3::integer, done = done + $2, refused = refused + $3, reason = $4,
     backfill_at = greatest(backfill_at, clock_timestamp() - interval '1 second') + $5::float8 * interval '1 millisecond'
   where id = $1`,
);

import { statement } from "./statement.ts";

/** How long failures are counted together, from the first on. */
const WINDOW = `interval '15 minutes'`;

export interface FailuresRow {
  /** This login included. */
  failures: number;
  /** Until the window is over. */
  left_ms: number;
}

/** Counts a login as failed before it is looked at, so that many at once count as well. */
export const countLogin = statement<[key: Buffer], FailuresRow>(
  "count_login",
  `insert into millrace.login_failure as f (key, failures, until)
   values ($1, 1, clock_timestamp() + ${WINDOW})
   on conflict (key) do update
   set failures = case when f.until > clock_timestamp() then least(f.failures, 1000000) + 1 else 1 end,
     until = case when f.until > clock_timestamp() then f.until else excluded.until end
   returning failures, greatest(0, extract(epoch from until - clock_timestamp()) * 1000)::float8 as left_ms`,
);

/** Of a login that did not fail. */
export const forgiveLogin = statement<[keys: Buffer[]], never>(
  "forgive_login",
  `with counted as materialized (
      select key from millrace.login_failure where key = any ($1) order by key for no key update
    )
    update millrace.login_failure f set failures = greatest(0, f.failures - 1) from counted c where f.key = c.key`,
);

/** Of an account from an address, when the password was right. */
export const forgetFailures = statement<[key: Buffer], never>(
  "forget_failures",
  `delete from millrace.login_failure where key = $1`,
);

/** Forgets what is not counted any more. */
export const pruneLoginFailures = statement<[limit: number], { pruned: number }>(
  "prune_login_failures",
  `with over as (
      select key from millrace.login_failure where until < clock_timestamp() limit $1 for update skip locked
    ),
    gone as (delete from millrace.login_failure f using over o where f.key = o.key returning 1)
    select count(*)::integer as pruned from gone`,
);

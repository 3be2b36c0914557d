import type { DeliveryOutcome } from "@millrace/core";
import { statement } from "./statement.ts";

export interface DeliveryRow {
  id: string;
  subscription: string;
  event: string;
  run_id: string | null;
  body: string;
  at: Date;
  due_at: Date | null;
  attempts: number;
  outcome: DeliveryOutcome | null;
  last_at: Date | null;
  status: number | null;
  error: string | null;
  answer: string | null;
}

const COLUMNS = `id, subscription, event, run_id, body, millrace.uuid_time(id) as at, due_at, attempts, outcome, last_at, status, error, answer`;

export interface DueDelivery {
  id: string;
  subscription: string;
  body: string;
  /** That this one is; counts from 1. */
  attempt: number;
  /** Null when the subscription is not there any more. */
  url: string | null;
  secret: string | null;
  /** Of before, under which is signed still, the newest first. */
  older: string[] | null;
  enabled: boolean | null;
}

/**
 * Takes what is due, the longest first, for so long: after that it is due again, if nobody has recorded what became of it. Nothing of
 * subscriptions that are busy.
 */
export const takeDeliveries = statement<
  [busy: string[], limit: number, forMs: number],
  DueDelivery
>(
  "take_webhook_deliveries",
  `with due as materialized (
     select id from millrace.webhook_delivery
     where due_at <= clock_timestamp() and subscription <> all ($1)
     order by due_at limit $2 for update skip locked
   ),
   taken as (
     update millrace.webhook_delivery d
     set due_at = clock_timestamp() + $3::float8 * interval '1 millisecond', attempts = d.attempts + 1
     where d.id = any (array(select id from due))
     returning d.id, d.subscription, d.body, d.attempts
   )
   select t.id, t.subscription, t.body, t.attempts as attempt, s.url, s.secret, s.enabled,
     array(select o ->> 'name' from jsonb_array_elements(s.older_secrets) with ordinality x(o, n)
       where (o ->> 'until')::timestamptz > clock_timestamp() order by n) as older
   from taken t left join lateral (select * from millrace.webhook_subscription where name = t.subscription limit 1) s on true`,
);

/** No row when nothing is due. */
export const firstDue = statement<[], { id: string }>(
  "first_due_webhook_delivery",
  `select id from millrace.webhook_delivery where due_at <= clock_timestamp() order by due_at limit 1`,
);

/**
 * Records what became of an attempt, unless another has been begun since. Without an outcome it is tried again after the delay.
 */
export const recordDelivery = statement<
  [
    id: string,
    attempt: number,
    outcome: DeliveryOutcome | null,
    delayMs: number | null,
    status: number | null,
    error: string | null,
    answer: string | null,
  ],
  { id: string }
>(
  "record_webhook_delivery",
  `update millrace.webhook_delivery
   set outcome = $3, due_at = case when $3::text is null then clock_timestamp() + $4::float8 * interval '1 millisecond' end,
     last_at = clock_timestamp(), status = $5, error = $6, answer = $7
   where id = $1 and attempts = $2 and (outcome is null or outcome = 'dropped' and $3 = 'delivered')
   returning id`,
);

export const insertDelivery = statement<
  [subscription: string, event: string, body: string],
  DeliveryRow
>(
  "insert_webhook_delivery",
  `insert into millrace.webhook_delivery (id, subscription, event, body)
   values (millrace.new_uuid(), $1, $2, $3) returning ${COLUMNS}`,
);

/** Sends it again from the first attempt on, under the same id. */
export const repeatDelivery = statement<[id: string], DeliveryRow>(
  "repeat_webhook_delivery",
  `update millrace.webhook_delivery set due_at = clock_timestamp(), attempts = 0, outcome = null
   where id = $1 returning ${COLUMNS}`,
);

export const readDelivery = statement<[id: string], DeliveryRow>(
  "read_webhook_delivery",
  `select ${COLUMNS} from millrace.webhook_delivery where id = $1`,
);

/** Newest first, those before an id. */
export const listDeliveries = statement<
  [subscription: string, before: string, limit: number],
  DeliveryRow
>(
  "list_webhook_deliveries",
  `select ${COLUMNS} from millrace.webhook_delivery
   where subscription = $1 and id < $2::uuid order by id desc limit $3`,
);

/** The oldest of those that are older than this, sent or not. */
export const pruneDeliveries = statement<[olderThanMs: number, limit: number], { pruned: number }>(
  "prune_webhook_deliveries",
  `with gone as (
     delete from millrace.webhook_delivery where id = any (array(
       select id from millrace.webhook_delivery
       where id < millrace.uuid_floor(clock_timestamp() - $1::float8 * interval '1 millisecond') order by id limit $2))
     returning 1
   )
   select count(*)::int as pruned from gone`,
);

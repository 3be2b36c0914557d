import type { NotificationOutcome, Severity } from "@millrace/core";
import { statement } from "./statement.ts";

/** Somebody who is to be told. */
export interface RecipientRow {
  kind: "target" | "subscription";
  name: string;
  /** Of whose alerts alone; null for all, and those of none. */
  project: string | null;
  least_severity: Severity;
  /** Of a subscription that is about one job. */
  job: string | null;
  /** Of a subscription; a target is told of both. */
  events: string[];
}

/** Targets, and subscriptions that ask for alerts. */
export const alertRecipients = statement<[], RecipientRow>(
  "alert_recipients",
  `select 'target' as kind, name, project, least_severity, null as job, array['alert.firing', 'alert.resolved'] as events
   from millrace.alert_target where enabled
   union all
   select 'subscription', name, case when installation then null else project end, 'info', job, events
   from millrace.webhook_subscription where enabled and events && array['alert.firing', 'alert.resolved']
   order by 1, 2`,
);

export interface GroupRow {
  recipient: string;
  rule: string;
  /** The alerts of which they were told that they fire. */
  told: string[];
  told_at: Date;
}

export const readGroups = statement<[], GroupRow>(
  "read_alert_groups",
  `select recipient, rule, told, told_at from millrace.alert_group`,
);

export const putGroup = statement<
  [recipient: string, rule: string, told: string[], at: Date],
  never
>(
  "put_alert_group",
  `insert into millrace.alert_group (recipient, rule, told, told_at) values ($1, $2, $3::uuid[], $4)
   on conflict (recipient, rule) do update set told = excluded.told, told_at = excluded.told_at`,
);

/** Groups of whom nobody need be told of anything any more, and of recipients that are gone. */
export const pruneGroups = statement<[before: Date, recipients: string[]], never>(
  "prune_alert_groups",
  `delete from millrace.alert_group where cardinality(told) = 0 and told_at < $1 or recipient <> all ($2)`,
);

/** What is still to be told of a rule to a target is told by a later notification. */
export const supersedeNotifications = statement<[target: string, rule: string], never>(
  "supersede_alert_notifications",
  `update millrace.alert_notification set due_at = null, outcome = 'superseded'
   where target = $1 and rule = $2 and due_at is not null`,
);

export interface NotificationRow {
  id: string;
  target: string;
  rule: string | null;
  event: string;
  body: string;
  at: Date;
  due_at: Date | null;
  attempts: number;
  outcome: NotificationOutcome | null;
  last_at: Date | null;
  status: number | null;
  error: string | null;
  answer: string | null;
}

const COLUMNS = `id, target, rule, event, body, millrace.uuid_time(id) as at, due_at, attempts, outcome, last_at, status, error, answer`;

export const insertNotification = statement<
  [target: string, rule: string | null, event: string, body: string],
  NotificationRow
>(
  "insert_alert_notification",
  `insert into millrace.alert_notification (id, target, rule, event, body) values (millrace.new_uuid(), $1, $2, $3, $4) returning ${COLUMNS}`,
);

/** Tests are counted one after the other. */
export const lockTests = statement<[], object>(
  "lock_alert_tests",
  `select pg_advisory_xact_lock(hashtextextended('millrace alert tests', 0))`,
);

/** Tests of the last minute: of one target, and of all of its project. */
export const countTests = statement<[target: string], { of_target: number; of_project: number }>(
  "count_alert_tests",
  `select (count(*) filter (where n.target = $1))::int as of_target, count(*)::int as of_project
   from millrace.alert_notification n
   where n.id >= millrace.uuid_floor(clock_timestamp() - interval '1 minute') and n.event = 'alert.test'
     and n.target = any (array(
       select t.name from millrace.alert_target t
       where t.project is not distinct from (select project from millrace.alert_target where name = $1)))`,
);

export interface DueNotification {
  id: string;
  target: string;
  body: string;
  /** That this one is; counts from 1. */
  attempt: number;
}

/** As takeDeliveries in webhook-deliveries.ts. */
export const takeNotifications = statement<
  [busy: string[], limit: number, forMs: number],
  DueNotification
>(
  "take_alert_notifications",
  `with due as materialized (
     select id from millrace.alert_notification
     where due_at <= clock_timestamp() and target <> all ($1)
     order by due_at limit $2 for update skip locked
   )
   update millrace.alert_notification n
   set due_at = clock_timestamp() + $3::float8 * interval '1 millisecond', attempts = n.attempts + 1
   where n.id = any (array(select id from due))
   returning n.id, n.target, n.body, n.attempts as attempt`,
);

/** No row when nothing is due. */
export const firstDueNotification = statement<[], { id: string }>(
  "first_due_alert_notification",
  `select id from millrace.alert_notification where due_at <= clock_timestamp() order by due_at limit 1`,
);

/** Records what became of an attempt, unless another has been begun since. Without an outcome it is tried again after the delay. */
export const recordNotification = statement<
  [
    id: string,
    attempt: number,
    outcome: NotificationOutcome | null,
    delayMs: number | null,
    status: number | null,
    error: string | null,
    answer: string | null,
  ],
  { id: string }
>(
  "record_alert_notification",
  `update millrace.alert_notification
   set outcome = $3, due_at = case when $3::text is null then clock_timestamp() + $4::float8 * interval '1 millisecond' end,
     last_at = clock_timestamp(), status = $5, error = $6, answer = $7
   where id = $1 and attempts = $2 and (outcome is null or outcome in ('dropped', 'superseded') and $3 = 'delivered')
   returning id`,
);

/** Newest first, those before an id. */
export const listNotifications = statement<
  [target: string, before: string, limit: number],
  NotificationRow
>(
  "list_alert_notifications",
  `select ${COLUMNS} from millrace.alert_notification where target = $1 and id < $2::uuid order by id desc limit $3`,
);

/** The oldest of those that are older than this, sent or not. */
export const pruneNotifications = statement<
  [olderThanMs: number, limit: number],
  { pruned: number }
>(
  "prune_alert_notifications",
  `with gone as (
     delete from millrace.alert_notification where id = any (array(
       select id from millrace.alert_notification
       where id < millrace.uuid_floor(clock_timestamp() - $1::float8 * interval '1 millisecond') order by id limit $2))
     returning 1
   )
   select count(*)::int as pruned from gone`,
);

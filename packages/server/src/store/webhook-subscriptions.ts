import type { Projects, WebhookEvent } from "@millrace/core";
import { within } from "./scope.ts";
import { statement } from "./statement.ts";

/** One of before. */
export interface OlderSecret {
  name: string;
  /** ISO 8601. */
  until: string;
}

export interface SubscriptionRow {
  name: string;
  project: string;
  url: string;
  events: WebhookEvent[];
  /** Null for all of the project. */
  job: string | null;
  /** The name of the secret under which is signed. */
  secret: string;
  /** Under which is signed as well, the newest first. */
  older_secrets: OlderSecret[];
  /** Whether it is told of the alerts of all projects, and of none. */
  installation: boolean;
  enabled: boolean;
  disabled_reason: string | null;
  created_at: Date;
  created_by: string;
  changed_at: Date;
  changed_by: string;
}

const COLUMNS = `name, project, url, events, job, secret, older_secrets, installation, enabled, disabled_reason, created_at, created_by, changed_at, changed_by`;

/** What is still to be sent to one that is switched off, is not sent any more. */
const DROPPED = `
   update millrace.webhook_delivery set due_at = null, outcome = 'dropped'
   where subscription = $1 and due_at is not null`;

export const readSubscription = statement<[name: string], SubscriptionRow>(
  "read_webhook_subscription",
  `select ${COLUMNS} from millrace.webhook_subscription where name = $1`,
);

/** Those are few: as many as somebody has made by hand. Of these projects; null for all. */
export const listSubscriptions = statement<[projects: Projects], SubscriptionRow>(
  "list_webhook_subscriptions",
  `select ${COLUMNS} from millrace.webhook_subscription where ${within("project", "$1")} order by name limit 10000`,
);

export const putSubscription = statement<
  [
    name: string,
    url: string,
    events: string[],
    job: string | null,
    secret: string,
    enabled: boolean,
    by: string,
    project: string,
    installation: boolean,
  ],
  SubscriptionRow
>(
  "put_webhook_subscription",
  `with dropped as (${DROPPED} and not $6)
   insert into millrace.webhook_subscription (name, url, events, job, secret, enabled, created_by, changed_by, project, installation)
   values ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9)
   on conflict (name) do update
   set url = excluded.url, events = excluded.events, job = excluded.job, enabled = excluded.enabled, installation = excluded.installation, disabled_reason = null,
     changed_at = clock_timestamp(), changed_by = excluded.changed_by
   returning ${COLUMNS}`,
);

export const disableSubscription = statement<[name: string, reason: string], never>(
  "disable_webhook_subscription",
  `with dropped as (${DROPPED})
   update millrace.webhook_subscription set enabled = false, disabled_reason = $2, changed_at = clock_timestamp()
   where name = $1 and enabled`,
);

/** Parameters: its name; the secret from now on; the JSON text of those of before; who says so. */
export const replaceSubscriptionSecret = statement<
  [name: string, secret: string, older: string, by: string],
  SubscriptionRow
>(
  "replace_webhook_subscription_secret",
  `update millrace.webhook_subscription
   set secret = $2, older_secrets = $3::jsonb, changed_at = clock_timestamp(), changed_by = $4
   where name = $1 returning ${COLUMNS}`,
);

/** With its log, and its secrets. */
export const deleteSubscription = statement<[name: string], SubscriptionRow>(
  "delete_webhook_subscription",
  `with gone as (delete from millrace.webhook_subscription where name = $1 returning ${COLUMNS}),
     forgotten as (delete from millrace.webhook_delivery where subscription = $1),
     told as (delete from millrace.secret s using gone g
       where s.name = g.secret or s.name in (select o ->> 'name' from jsonb_array_elements(g.older_secrets) o))
   select * from gone`,
);

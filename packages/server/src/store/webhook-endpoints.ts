import type { PayloadMapping, Projects, ReceiptOutcome, WebhookScheme } from "@millrace/core";
import { within } from "./scope.ts";
import { statement } from "./statement.ts";

/** A secret under which may be signed, by the name that Millrace has it under. */
export interface EndpointSecret {
  name: string;
  /** ISO 8601; null for ever. */
  until: string | null;
}

export interface EndpointRow {
  name: string;
  /** That of its job. */
  project: string;
  id: string;
  scheme: WebhookScheme;
  job: string;
  secrets: EndpointSecret[];
  mapping: PayloadMapping | null;
  enabled: boolean;
  created_at: Date;
  created_by: string;
  changed_at: Date;
  changed_by: string;
}

const COLUMNS = `name, project, id, scheme, job, secrets, mapping, enabled, created_at, created_by, changed_at, changed_by`;

/** Until the transaction ends: a name is of one webhook, in or out. */
export const lockWebhooks = statement<[], object>(
  "lock_webhooks",
  `select pg_advisory_xact_lock(hashtextextended('millrace webhooks', 0))`,
);

export const readEndpoint = statement<[name: string], EndpointRow>(
  "read_webhook_endpoint",
  `select ${COLUMNS} from millrace.webhook_endpoint where name = $1`,
);

export const findEndpoint = statement<[id: string], EndpointRow>(
  "find_webhook_endpoint",
  `select ${COLUMNS} from millrace.webhook_endpoint where id = $1`,
);

/** Those are few: as many as somebody has made by hand. Of these projects; null for all. */
export const listEndpoints = statement<[projects: Projects], EndpointRow>(
  "list_webhook_endpoints",
  `select ${COLUMNS} from millrace.webhook_endpoint where ${within("project", "$1")} order by name limit 10000`,
);

export const putEndpoint = statement<
  [
    name: string,
    id: string,
    scheme: WebhookScheme,
    job: string,
    secrets: string,
    mapping: string | null,
    enabled: boolean,
    by: string,
    project: string,
  ],
  EndpointRow
>(
  "put_webhook_endpoint",
  `insert into millrace.webhook_endpoint (name, id, scheme, job, secrets, mapping, enabled, created_by, changed_by, project)
   values ($1, $2, $3, $4, $5::jsonb, $6::jsonb, $7, $8, $8, $9)
   on conflict (name) do update
   set scheme = excluded.scheme, job = excluded.job, project = excluded.project, secrets = excluded.secrets, mapping = excluded.mapping,
     enabled = excluded.enabled, changed_at = clock_timestamp(), changed_by = excluded.changed_by
   returning ${COLUMNS}`,
);

/** With its log. */
export const deleteEndpoint = statement<[name: string], EndpointRow>(
  "delete_webhook_endpoint",
  `with gone as (delete from millrace.webhook_receipt where endpoint = $1)
   delete from millrace.webhook_endpoint where name = $1 returning ${COLUMNS}`,
);

export interface ReceiptRow {
  id: string;
  at: Date;
  outcome: ReceiptOutcome;
  delivery_id: string | null;
  run_id: string | null;
  bytes: number;
  error: string | null;
}

export const noteReceipts = statement<
  [
    endpoints: string[],
    outcomes: ReceiptOutcome[],
    deliveryIds: (string | null)[],
    runs: (string | null)[],
    bytes: number[],
    errors: (string | null)[],
  ],
  never
>(
  "note_webhook_receipts",
  `insert into millrace.webhook_receipt (id, endpoint, outcome, delivery_id, run_id, bytes, error)
   select millrace.new_uuid(), endpoint, outcome, delivery_id, run_id, bytes, error
   from unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::integer[], $6::text[])
     r(endpoint, outcome, delivery_id, run_id, bytes, error)`,
);

/** Newest first, those before an id. */
export const listReceipts = statement<
  [endpoint: string, before: string, limit: number],
  ReceiptRow
>(
  "list_webhook_receipts",
  `select id, millrace.uuid_time(id) as at, outcome, delivery_id, run_id, bytes, error
   from millrace.webhook_receipt where endpoint = $1 and id < $2::uuid order by id desc limit $3`,
);

/** The oldest of those that are older than this. */
export const pruneReceipts = statement<[olderThanMs: number, limit: number], { pruned: number }>(
  "prune_webhook_receipts",
  `with gone as (
     delete from millrace.webhook_receipt where id = any (array(
       select id from millrace.webhook_receipt
       where id < millrace.uuid_floor(clock_timestamp() - $1::float8 * interval '1 millisecond') order by id limit $2))
     returning 1
   )
   select count(*)::int as pruned from gone`,
);

/** The run that an idempotency key stands for. */
export const runOfKey = statement<[job: string, key: string], { run_id: string }>(
  "run_of_key",
  `select run_id from millrace.idempotency_key where job = $1 and key = $2`,
);

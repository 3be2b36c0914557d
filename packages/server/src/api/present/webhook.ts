import { may, readExactJson } from "@millrace/core";
import type { DeliveryInfo, EndpointInfo, ReceiptInfo, SubscriptionInfo } from "@millrace/core/api";
import type { DeliveryRow } from "../../store/webhook-deliveries.ts";
import type { EndpointRow, ReceiptRow } from "../../store/webhook-endpoints.ts";
import type { SubscriptionRow } from "../../store/webhook-subscriptions.ts";
import { hideSealed } from "../../security/sealed-content.ts";
import type { Caller } from "../../security/caller.ts";
import { instant } from "./instant.ts";

export function presentEndpoint(row: EndpointRow): EndpointInfo {
  return {
    name: row.name,
    project: row.project,
    path: `/hooks/${row.id}`,
    scheme: row.scheme,
    job: row.job,
    secrets: row.secrets,
    mapping: row.mapping,
    enabled: row.enabled,
    createdAt: instant(row.created_at),
    createdBy: row.created_by,
    changedAt: instant(row.changed_at),
    changedBy: row.changed_by,
  };
}

export function presentReceipt(row: ReceiptRow): ReceiptInfo {
  return {
    id: row.id,
    at: instant(row.at),
    outcome: row.outcome,
    deliveryId: row.delivery_id,
    runId: row.run_id,
    bytes: row.bytes,
    error: row.error,
  };
}

/** Its URL is whole for who may change it: of many services the path is the credential, and whoever has it may send. */
export function presentSubscription(row: SubscriptionRow, { role }: Caller): SubscriptionInfo {
  return {
    name: row.name,
    project: row.project,
    url: may(role, "edit") ? row.url : `${new URL(row.url).origin}/…`,
    events: row.events,
    job: row.job,
    allAlerts: row.installation,
    enabled: row.enabled,
    disabledReason: row.disabled_reason,
    overlapUntil: overlapUntil(row),
    createdAt: instant(row.created_at),
    createdBy: row.created_by,
    changedAt: instant(row.changed_at),
    changedBy: row.changed_by,
  };
}

function overlapUntil({ older_secrets }: SubscriptionRow): string | null {
  const ends = older_secrets.map(({ until }) => until).sort();
  const last = ends.at(-1);
  return last !== undefined && Date.parse(last) > Date.now() ? last : null;
}

export function presentDelivery(row: DeliveryRow): DeliveryInfo {
  return {
    id: row.id,
    subscription: row.subscription,
    event: row.event,
    runId: row.run_id,
    at: instant(row.at),
    outcome: row.outcome,
    attempts: row.attempts,
    lastAttemptAt: row.last_at && instant(row.last_at),
    nextAttemptAt: row.due_at && instant(row.due_at),
    status: row.status,
    error: row.error,
    answer: row.answer,
    body: readExactJson(hideSealed(row.body)) as DeliveryInfo["body"],
  };
}

import { z } from "zod";
import { mappingTrouble, type PayloadMapping } from "../payload-mapping.ts";
import {
  DELIVERY_OUTCOMES,
  RECEIPT_OUTCOMES,
  WEBHOOK_EVENTS,
  WEBHOOK_SCHEMES,
} from "../webhook.ts";
import { Instant, LengthOfTime, MAX_PAGE, Name, RunId } from "./runs.ts";
import { SecretName } from "./secrets.ts";
import { StoredJson } from "./stored-json.ts";

const MAX_FIELDS = 100;
const MAX_URL_LENGTH = 2000;

const Mapping = z
  .record(z.string(), z.union([z.string(), z.strictObject({ const: z.json() })]))
  .superRefine((mapping, context) => {
    const fields = Object.entries(mapping as PayloadMapping);
    if (fields.length > MAX_FIELDS) context.addIssue(`give at most ${MAX_FIELDS} fields`);
    for (const [field, from] of fields) {
      const trouble = mappingTrouble(field, from);
      if (trouble !== undefined) {
        context.addIssue({ code: "custom", message: trouble, path: [field] });
      }
    }
  })
  .describe(
    "What becomes the job's input: for each field a path into the body such as data.items[0].id (empty for all of it), header: and a name, or {const: …}",
  );

export const SetWebhookEndpoint = z
  .strictObject({
    scheme: z
      .enum(WEBHOOK_SCHEMES)
      .optional()
      .describe("How the other side signs; needed when the endpoint is made"),
    job: Name.optional().describe("What is started; needed when the endpoint is made"),
    secret: SecretName.optional().describe(
      "The secret of Millrace under which the other side signs, bound to the job; needed when the endpoint is made",
    ),
    grace: LengthOfTime.optional().describe(
      "For how long what is signed under the secret of before is taken still, such as 24h; default: no longer",
    ),
    mapping: Mapping.nullable().optional().describe("Null: the body is the input"),
    enabled: z.boolean().optional().describe("Default when it is made: true"),
  })
  .meta({ id: "SetWebhookEndpoint" });

export const EndpointInfo = z
  .object({
    name: z.string(),
    project: z.string().describe("To which it belongs: that of its job"),
    path: z.string().describe("Where webhooks are sent to, below the address of this server"),
    scheme: z.enum(WEBHOOK_SCHEMES),
    job: z.string(),
    secrets: z
      .array(z.object({ name: z.string(), until: Instant.nullable() }))
      .describe("The names of those under which may be signed, the newest first"),
    mapping: z.unknown().describe("As it was given; null when the body is the input"),
    enabled: z.boolean(),
    createdAt: Instant,
    createdBy: z.string(),
    changedAt: Instant,
    changedBy: z.string(),
  })
  .meta({ id: "WebhookEndpoint" });

export type EndpointInfo = z.infer<typeof EndpointInfo>;

export const SetWebhookSubscription = z
  .strictObject({
    url: z
      .string()
      .max(MAX_URL_LENGTH)
      .optional()
      .describe("Where to send; https, and no inner address unless MILLRACE_ALLOWED_HOSTS has it"),
    events: z
      .array(z.enum(WEBHOOK_EVENTS))
      .min(1)
      .optional()
      .describe("Of what is told; needed when the subscription is made"),
    job: Name.nullable()
      .optional()
      .describe("Runs of this job alone; null: of every job of its project"),
    enabled: z.boolean().optional().describe("Default when it is made: true"),
    project: Name.optional().describe(
      "To which it is to belong when it is made; default: that of its job, else the caller's own, else default",
    ),
  })
  .meta({ id: "SetWebhookSubscription" });

export const RotateWebhookSecret = z
  .strictObject({
    overlap: LengthOfTime.optional().describe(
      "For how long deliveries are signed under the secret of before, too, such as 1h; default: 24h",
    ),
  })
  .meta({ id: "RotateWebhookSecret" });

export const SubscriptionInfo = z
  .object({
    name: z.string(),
    project: z.string().describe("To which it belongs"),
    url: z
      .string()
      .describe("Whole for who may change it; for others it ends behind the host, with …"),
    events: z.array(z.string()),
    job: z.string().nullable(),
    allAlerts: z
      .boolean()
      .describe(
        "Whether it is told of the alerts of all projects and of the installation, if it asks for alerts; else of those of its project",
      ),
    enabled: z.boolean(),
    disabledReason: z.string().nullable().describe("Why Millrace has switched it off by itself"),
    overlapUntil: Instant.nullable().describe(
      "Until when deliveries are signed under a secret of before, too; null when they are not",
    ),
    createdAt: Instant,
    createdBy: z.string(),
    changedAt: Instant,
    changedBy: z.string(),
    secret: z
      .string()
      .optional()
      .describe(
        "Under which deliveries are signed. It is there when it was made, or changed, just now, and shown this once",
      ),
  })
  .meta({ id: "WebhookSubscription" });

export type SubscriptionInfo = z.infer<typeof SubscriptionInfo>;

export const WebhookList = z
  .object({ endpoints: z.array(EndpointInfo), subscriptions: z.array(SubscriptionInfo) })
  .meta({ id: "WebhookList" });

export const DeliveryId = z.uuid().describe("A delivery's id, which the header webhook-id has");

export const ListDeliveries = z.strictObject({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
  cursor: z.uuid().optional().describe("nextCursor of the page before"),
});

export const ReceiptInfo = z
  .object({
    id: z.string(),
    at: Instant,
    outcome: z.enum(RECEIPT_OUTCOMES),
    deliveryId: z.string().nullable().describe("As the other side calls it; null when unsigned"),
    runId: RunId.nullable(),
    bytes: z.int().describe("How long the body was"),
    error: z.string().nullable(),
  })
  .meta({ id: "WebhookReceipt" });

export type ReceiptInfo = z.infer<typeof ReceiptInfo>;

export const ReceiptPage = z
  .object({ deliveries: z.array(ReceiptInfo), nextCursor: z.string().nullable() })
  .meta({ id: "WebhookReceiptPage" });

export const DeliveryInfo = z
  .object({
    id: DeliveryId,
    subscription: z.string(),
    event: z.string(),
    runId: RunId.nullable(),
    at: Instant.describe("When it happened"),
    outcome: z.enum(DELIVERY_OUTCOMES).nullable().describe("Null while it is still to be sent"),
    attempts: z.int(),
    lastAttemptAt: Instant.nullable(),
    nextAttemptAt: Instant.nullable(),
    status: z.int().nullable().describe("What the last attempt was answered"),
    error: z.string().nullable().describe("What was wrong with the last attempt"),
    answer: z.string().nullable().describe("The first KiB of what a failed attempt was answered"),
    body: StoredJson.describe("What is sent"),
  })
  .meta({ id: "WebhookDelivery" });

export type DeliveryInfo = z.infer<typeof DeliveryInfo>;

export const DeliveryPage = z
  .object({ deliveries: z.array(DeliveryInfo), nextCursor: z.string().nullable() })
  .meta({ id: "WebhookDeliveryPage" });

export const HookAnswer = z
  .object({
    runId: RunId.optional(),
    created: z.boolean().optional().describe("False when it had come before"),
    challenge: z.string().optional().describe("For Slack, which asks for it once"),
  })
  .meta({ id: "HookAnswer" });

export type HookAnswer = z.infer<typeof HookAnswer>;

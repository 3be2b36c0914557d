import { z } from "zod";
import { Instant } from "./runs.ts";
import { StoredJson } from "./stored-json.ts";

/** What can be done that is on record; docs/audit.md says of each what it means. */
export const AUDIT_ACTIONS = [
  "key.created",
  "key.replaced",
  "key.revoked",
  "key.changed",
  "key.removed",
  "secret.created",
  "secret.changed",
  "secret.removed",
  "secret.given",
  "secrets.rotated",
  "subject.erased",
  "schedule.created",
  "schedule.changed",
  "schedule.paused",
  "schedule.resumed",
  "schedule.removed",
  "schedule.backfilled",
  "queue.defined",
  "queue.limited",
  "queue.limits_reset",
  "queue.paused",
  "queue.resumed",
  "queue.drained",
  "queue.reopened",
  "queue.removed",
  "job.paused",
  "job.resumed",
  "job.disabled",
  "job.enabled",
  "run.cancelled",
  "run.moved",
  "run.rerun",
  "run.forked",
  "run.started_early",
  "runs.exported",
  "dead_letter.rerun",
  "dead_letter.dismissed",
  "dead_letter.reopened",
  "error_group.changed",
  "view.saved",
  "view.removed",
  "incident.made",
  "incident.noted",
  "incident.removed",
  "doubt.resolved",
  "approval.answered",
  "operation.begun",
  "operation.rate_changed",
  "operation.paused",
  "operation.resumed",
  "operation.cancelled",
  "webhook.created",
  "webhook.changed",
  "webhook.removed",
  "webhook.tested",
  "webhook.redelivered",
  "alert.acknowledged",
  "alert_rule.created",
  "alert_rule.changed",
  "alert_rule.removed",
  "alert_silence.created",
  "alert_silence.removed",
  "alert_target.created",
  "alert_target.changed",
  "alert_target.removed",
  "alert_target.tested",
  "person.added",
  "person.changed",
  "person.reset",
  "person.password_set",
  "person.second_factor_set",
  "person.second_factor_removed",
  "person.recovery_code_used",
  "person.disabled",
  "person.enabled",
  "person.removed",
  "project.added",
  "project.removed",
  "project.moved",
  "worker.quieted",
  "worker.sampled",
  "worker.resumed",
  "session.began",
  "access.refused",
] as const;

export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** Entries of one page at the most: whoever verifies the chain reads all there are. */
export const MAX_AUDIT_PAGE = 1000;

/** Entries that one request looks at. */
export const AUDIT_WINDOW = 20_000;

const MAX_SEQ = Number.MAX_SAFE_INTEGER;

const Text = z.string().min(1).max(300);

export const ListAudit = z.strictObject({
  actor: Text.optional().describe(
    "Who: api, key: and its name, link, code, database: and its role",
  ),
  action: z.enum(AUDIT_ACTIONS).optional(),
  object: Text.optional().describe(
    "What it was done to, such as schedule:report or run: and its id",
  ),
  since: Instant.optional(),
  until: Instant.optional().describe("This instant is not part of it"),
  order: z
    .enum(["newest", "oldest"])
    .default("newest")
    .describe("Which come first; a chain is verified from the oldest on"),
  cursor: z.coerce.number().int().min(0).max(MAX_SEQ).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_AUDIT_PAGE).default(50),
});

export type ListAudit = z.infer<typeof ListAudit>;

const Hash = z.string().regex(/^[0-9a-f]{64}$/);

const Seq = z.int().min(0);

export const AuditHead = z
  .object({ seq: Seq.describe("0 while there is none"), hash: Hash })
  .describe(
    "The last entry there is. Keep it elsewhere: it shows later whether the end was cut off",
  )
  .meta({ id: "AuditHead" });

export type AuditHead = z.infer<typeof AuditHead>;

export const AuditEntry = z
  .object({
    seq: Seq,
    at: z.string().describe("By the clock of the database, to the microsecond"),
    actor: z.string(),
    role: z.string().nullable().describe("Of the actor's key; null for who has none"),
    address: z.string().nullable().describe("From where it was asked, as the server sees it"),
    request: z
      .string()
      .nullable()
      .describe("The id of the request, as in X-Request-Id and the log"),
    database: z.string().describe("The role of the database that wrote it"),
    action: z.string(),
    object: z.string(),
    project: z
      .string()
      .nullable()
      .describe(
        "To which that belongs, when it is to one alone; null in entries of before there were projects",
      ),
    before: StoredJson.describe("What was, without anything secret; null when there was nothing"),
    after: StoredJson.describe("What is from then on"),
    entry: z.string().describe("All this as JSON, in just the characters that are hashed"),
    hash: Hash.describe(
      "SHA-256, in hexadecimal, of the hash of the entry before (32 zero bytes before the first) followed by entry in UTF-8",
    ),
  })
  .meta({ id: "AuditEntry" });

export type AuditEntry = z.infer<typeof AuditEntry>;

export const AuditPage = z
  .object({
    entries: z.array(AuditEntry),
    nextCursor: z.int().nullable().describe("Null when there are no more"),
    head: AuditHead.nullable().describe("Null for who is confined to projects"),
  })
  .meta({ id: "AuditPage" });

export type AuditPage = z.infer<typeof AuditPage>;

import { z } from "zod";
import {
  ALERT_KIND_NAMES,
  ALERT_STATES,
  ALERT_TARGET_KINDS,
  NOTIFICATION_OUTCOMES,
  SEVERITIES,
} from "../alert.ts";
import { Instant, LengthOfTime, MAX_PAGE, Name } from "./runs.ts";
import { StoredJson } from "./stored-json.ts";

/** A queue, a job, a schedule, or a host with its port. */
const Subject = z.string().min(1).max(300);

const Reason = z.string().min(1).max(500);

const SeveritySchema = z.enum(SEVERITIES).meta({ id: "AlertSeverity" });

export const AlertId = z.uuid().describe("An alert's id");

export const ListAlerts = z.strictObject({
  state: z
    .enum(["open", ...ALERT_STATES])
    .default("open")
    .describe("open: those that fire, and those that are about to"),
  rule: Name.optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
  cursor: z.uuid().optional().describe("nextCursor of the page before"),
});

export const AlertInfo = z
  .object({
    id: AlertId,
    rule: z.string(),
    kind: z.string(),
    project: z
      .string()
      .nullable()
      .describe("To which it belongs; null for what is of no single project"),
    about: z.string().describe("What subject is: queue, job, host, schedule, …"),
    subject: z.string().describe("What it is about; empty for the installation"),
    state: z.enum(ALERT_STATES),
    severity: SeveritySchema,
    summary: z.string().describe("What is wrong, in a sentence"),
    explanation: z.string(),
    whatToDo: z.string(),
    value: z.number(),
    threshold: z.number(),
    detail: z.string().nullable(),
    since: Instant.describe("Since when it is so"),
    firedAt: Instant.nullable(),
    resolvedAt: Instant.nullable(),
    silenced: z.boolean().describe("Whether nobody is told of it now"),
    acknowledgedAt: Instant.nullable(),
    acknowledgedBy: z.string().nullable(),
    note: z.string().nullable(),
  })
  .meta({ id: "Alert" });

export type AlertInfo = z.infer<typeof AlertInfo>;

export const AlertPage = z
  .object({ alerts: z.array(AlertInfo), nextCursor: z.string().nullable() })
  .meta({ id: "AlertPage" });

export const AcknowledgeAlert = z
  .strictObject({ note: Reason.optional().describe("For whoever sees it") })
  .meta({ id: "AcknowledgeAlert" });

export const SetAlertRule = z
  .strictObject({
    kind: z
      .enum(ALERT_KIND_NAMES)
      .optional()
      .describe("What it looks at; needed when the rule is made, and stays"),
    subject: Subject.nullable()
      .optional()
      .describe("The queue, job, host or schedule that it is about; null: all of them"),
    threshold: z
      .number()
      .nullable()
      .optional()
      .describe(
        "Above which it fires (below, for what expires), in the kind's unit; null: the kind's",
      ),
    for: z
      .union([LengthOfTime, z.literal("0s")])
      .nullable()
      .optional()
      .describe("How long it must be so, such as 5m, or 0s; null: the kind's"),
    window: LengthOfTime.nullable()
      .optional()
      .describe("How far back it looks, 1m to 1h; null: the kind's"),
    severity: SeveritySchema.nullable().optional().describe("null: the kind's"),
    enabled: z.boolean().optional().describe("Default when it is made: true"),
    project: Name.optional().describe(
      "Of whose queues, jobs and schedules alone it is to be, when it is made; default: the caller's own, else the whole installation",
    ),
  })
  .meta({ id: "SetAlertRule" });

export const AlertRuleInfo = z
  .object({
    name: z.string(),
    kind: z.string(),
    about: z.string(),
    unit: z.string().describe("Of the threshold: runs, seconds, share, times or transactions"),
    below: z.boolean().describe("Whether it fires below its threshold instead of above"),
    project: z.string().nullable().describe("Null for the whole installation"),
    subject: z.string().nullable().describe("Null for all"),
    subjectMissing: z
      .boolean()
      .describe(
        "Whether the rule tells nothing, as no queue, job or schedule that it looks at has the name of its subject, or none has yet; of hosts it is not known",
      ),
    threshold: z.number(),
    forMs: z.number(),
    windowMs: z.number().nullable().describe("Null for what is so at the moment"),
    severity: SeveritySchema,
    changed: z.boolean().describe("Whether it is otherwise than its kind"),
    enabled: z.boolean(),
    builtIn: z.boolean().describe("There from the beginning: to remove it makes it as it was then"),
    changedAt: Instant.nullable().describe("Null for one that nobody has made or changed"),
    changedBy: z.string().nullable(),
  })
  .meta({ id: "AlertRule" });

export type AlertRuleInfo = z.infer<typeof AlertRuleInfo>;

export const AlertRuleList = z
  .object({ rules: z.array(AlertRuleInfo) })
  .meta({ id: "AlertRuleList" });

export const SilenceAlerts = z
  .strictObject({
    rule: Name.optional().describe("Default: any"),
    subject: Subject.optional().describe("The queue, job, host or schedule; default: any"),
    for: LengthOfTime.optional().describe("How long, 30d at the most, such as 2h"),
    until: Instant.optional().describe("Instead of for"),
    reason: Reason.optional().describe("For whoever wonders why"),
    project: Name.optional().describe(
      "Of whose alerts alone; default: the caller's own, else of all",
    ),
  })
  .refine(({ for: length, until }) => (length === undefined) !== (until === undefined), {
    error: "give either for or until",
  })
  .meta({ id: "SilenceAlerts" });

export const AlertSilenceInfo = z
  .object({
    id: z.uuid(),
    project: z.string().nullable(),
    rule: z.string().nullable().describe("Null for any"),
    subject: z.string().nullable().describe("Null for any"),
    until: Instant,
    reason: z.string().nullable(),
    createdAt: Instant,
    createdBy: z.string(),
  })
  .meta({ id: "AlertSilence" });

export type AlertSilenceInfo = z.infer<typeof AlertSilenceInfo>;

export const AlertSilenceList = z
  .object({ silences: z.array(AlertSilenceInfo) })
  .meta({ id: "AlertSilenceList" });

const MailAddress = z.email().max(200);

export const SetAlertTarget = z
  .strictObject({
    kind: z
      .enum(ALERT_TARGET_KINDS)
      .optional()
      .describe("How it is told; needed when the target is made, and stays"),
    credential: z
      .string()
      .min(8)
      .max(2000)
      .nullable()
      .optional()
      .describe(
        "slack: the URL of the incoming webhook; pagerduty: the integration's key; email: the password of user, null for none. It is encrypted, and nobody can read it here again",
      ),
    url: z
      .string()
      .max(2000)
      .optional()
      .describe(
        "pagerduty: where events are sent; default: https://events.pagerduty.com/v2/enqueue",
      ),
    server: z
      .string()
      .max(300)
      .optional()
      .describe("email: such as smtps://mail.example.com or smtp://mail.example.com:587"),
    user: z
      .string()
      .min(1)
      .max(200)
      .nullable()
      .optional()
      .describe("email: who logs in; null for none"),
    from: MailAddress.optional().describe("email: the sender's address"),
    to: z.array(MailAddress).min(1).max(20).optional().describe("email: who gets it"),
    leastSeverity: SeveritySchema.optional().describe(
      "Of what is less it is not told; default: info, so of all",
    ),
    enabled: z.boolean().optional().describe("Default when it is made: true"),
    project: Name.optional().describe(
      "Of whose alerts alone it is to be told, when it is made; default: the caller's own, else the whole installation",
    ),
  })
  .meta({ id: "SetAlertTarget" });

export const AlertTargetInfo = z
  .object({
    name: z.string(),
    kind: z.enum(ALERT_TARGET_KINDS),
    project: z.string().nullable().describe("Null for the alerts of the whole installation"),
    host: z.string().nullable().describe("Where it is; of a URL that is secret the host alone"),
    user: z.string().nullable(),
    from: z.string().nullable(),
    to: z.array(z.string()).nullable(),
    hasCredential: z.boolean(),
    leastSeverity: SeveritySchema,
    enabled: z.boolean(),
    createdAt: Instant,
    createdBy: z.string(),
    changedAt: Instant,
    changedBy: z.string(),
  })
  .meta({ id: "AlertTarget" });

export type AlertTargetInfo = z.infer<typeof AlertTargetInfo>;

export const AlertTargetList = z
  .object({ targets: z.array(AlertTargetInfo) })
  .meta({ id: "AlertTargetList" });

export const ListNotifications = z.strictObject({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
  cursor: z.uuid().optional().describe("nextCursor of the page before"),
});

export const NotificationInfo = z
  .object({
    id: z
      .uuid()
      .describe("The same in every attempt; the header webhook-id, and in the Message-ID"),
    target: z.string(),
    rule: z.string().nullable().describe("Null for a test"),
    event: z.string(),
    at: Instant,
    outcome: z.enum(NOTIFICATION_OUTCOMES).nullable().describe("Null while it is still to be sent"),
    attempts: z.int(),
    lastAttemptAt: Instant.nullable(),
    nextAttemptAt: Instant.nullable(),
    status: z.int().nullable().describe("What the last attempt was answered, over HTTP"),
    error: z.string().nullable().describe("What was wrong with the last attempt"),
    answer: z.string().nullable().describe("The first KiB of what a failed attempt was answered"),
    body: StoredJson.describe("What is told, before it is put into the target's form"),
  })
  .meta({ id: "AlertNotification" });

export type NotificationInfo = z.infer<typeof NotificationInfo>;

export const NotificationPage = z
  .object({ notifications: z.array(NotificationInfo), nextCursor: z.string().nullable() })
  .meta({ id: "AlertNotificationPage" });

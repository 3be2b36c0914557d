import { z } from "zod";
import { MAX_QUERY_LENGTH } from "../query/parse.ts";
import { FingerprintParam } from "./error-groups.ts";
import { Overview, OverviewMinute } from "./overview.ts";
import { Instant, RunCount, RunId, RunStateSchema } from "./runs.ts";

/** As many are kept for a project, and for those who see all. */
export const MAX_INCIDENTS = 1000;

/** As many notes one may have. */
export const MAX_INCIDENT_NOTES = 200;

/** As many runs one may name. */
export const MAX_INCIDENT_RUNS = 100;

export const ByIncident = z.strictObject({
  slug: z
    .string()
    .max(20)
    .regex(/^[a-z0-9]{4,}$/, "use a to z and 0 to 9"),
});

const NoteText = z.string().trim().min(1).max(4000);

export const CreateIncident = z
  .strictObject({
    title: z.string().trim().min(1).max(200),
    note: NoteText.optional().describe("The first note"),
    query: z
      .string()
      .max(MAX_QUERY_LENGTH)
      .optional()
      .describe("As the search of runs takes it; what it finds is counted"),
    from: Instant.optional().describe("When it began; with to. Default: 24 hours ago"),
    to: Instant.optional().describe("When it ended. Default: now"),
    at: Instant.optional().describe("A minute of which is kept what is known of it"),
    runs: z
      .array(RunId)
      .min(1)
      .max(MAX_INCIDENT_RUNS)
      .optional()
      .describe("Which runs it shows; else the newest 20 that the query finds"),
    errorGroup: FingerprintParam.shape.fingerprint
      .optional()
      .describe("What it is about; without a query, its runs"),
  })
  .meta({ id: "CreateIncident" });

export type CreateIncident = z.infer<typeof CreateIncident>;

export const AddIncidentNote = z.strictObject({ text: NoteText }).meta({ id: "AddIncidentNote" });

const Message = z
  .string()
  .nullable()
  .describe("Its first line; null of a run that is about somebody, who may be erased");

const IncidentError = z
  .object({
    fingerprint: z.string(),
    errorClass: z.string(),
    message: Message,
    jobs: z.array(z.string()).describe("20 at the most"),
    count: z.int(),
    firstSeen: Instant,
    lastSeen: Instant,
  })
  .meta({ id: "IncidentError" });

export const IncidentRun = z
  .object({
    id: RunId,
    job: z.string(),
    queue: z.string(),
    state: RunStateSchema,
    attempt: z.int(),
    createdAt: Instant,
    startedAt: Instant.nullable(),
    finishedAt: Instant.nullable(),
    errorClass: z.string().nullable(),
    message: Message,
    why: z.string().nullable().describe("Why it was not running, in words"),
  })
  .meta({ id: "IncidentRun" });

export type IncidentRun = z.infer<typeof IncidentRun>;

/** What was seen when an incident was made. It has no inputs and no outputs. */
export const IncidentSnapshot = z
  .object({
    bars: Overview.shape.bars,
    deploys: Overview.shape.deploys,
    errors: z
      .array(IncidentError)
      .nullable()
      .describe("What runs failed with most in that time; null where it was kept no more"),
    errorGroup: IncidentError.nullable().describe("What it is about, counted over all time"),
    minute: OverviewMinute.nullable(),
    found: RunCount.nullable().describe("How many runs the query found; null without one"),
    ticked: z.boolean().describe("Whether somebody chose the runs"),
    runs: z.array(IncidentRun),
  })
  .meta({ id: "IncidentSnapshot" });

export type IncidentSnapshot = z.infer<typeof IncidentSnapshot>;

export const IncidentNote = z
  .object({ at: Instant, by: z.string(), text: z.string() })
  .meta({ id: "IncidentNote" });

export type IncidentNote = z.infer<typeof IncidentNote>;

const IncidentHead = z.object({
  slug: z.string(),
  title: z.string(),
  query: z.string().nullable(),
  from: Instant,
  to: Instant,
  by: z.string(),
  mine: z.boolean(),
  createdAt: Instant,
});

export const IncidentInfo = IncidentHead.extend({ notes: z.int() }).meta({ id: "IncidentInfo" });

export type IncidentInfo = z.infer<typeof IncidentInfo>;

export const Incident = IncidentHead.extend({
  snapshot: IncidentSnapshot,
  notes: z.array(IncidentNote).describe("Oldest first; none is ever changed"),
}).meta({ id: "Incident" });

export type Incident = z.infer<typeof Incident>;

export const ListIncidents = z.strictObject({
  cursor: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

export const IncidentPage = z
  .object({
    incidents: z.array(IncidentInfo).describe("Newest first"),
    nextCursor: z.int().nullable().describe("Null when there are no more"),
  })
  .meta({ id: "IncidentPage" });

export type IncidentPage = z.infer<typeof IncidentPage>;

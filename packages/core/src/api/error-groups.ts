import { z } from "zod";
import { Instant, MAX_PAGE, Name, RunId } from "./runs.ts";
import { PayloadDiff } from "./payload-diff.ts";
import { StoredJson } from "./stored-json.ts";

export const FingerprintParam = z.strictObject({
  fingerprint: z.string().regex(/^[0-9a-f]{16}$/, "not a fingerprint: 16 hexadecimal digits"),
});

const ERROR_GROUP_STATES = ["open", "snoozed", "fixed"] as const;

export const ListErrorGroups = z.strictObject({
  state: z.enum([...ERROR_GROUP_STATES, "all"]).default("open"),
  job: Name.optional(),
  since: Instant.optional().describe("Seen at or after"),
  sort: z
    .enum(["recent", "rate", "count"])
    .default("recent")
    .describe(
      "By when it came last, by how much more often than the day before, or by how often in all",
    ),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
  cursor: z
    .string()
    .regex(/^\d{1,16}-[0-9a-f]{16}$/)
    .optional()
    .describe("nextCursor of the page before; sorted by recent alone"),
});

export const ErrorGroup = z
  .object({
    fingerprint: z.string(),
    errorClass: z.string(),
    message: z.string().describe("Of the newest; empty where it is kept no more"),
    count: z.int().describe("Failed runs"),
    firstSeen: Instant,
    lastSeen: Instant,
    jobs: z.array(z.string()).describe("The ten with the most of them"),
    lastHour: z.int(),
    dayBefore: z.int().describe("In the 24 hours before the last one"),
    sampleRun: RunId.describe("The newest"),
    state: z.enum(ERROR_GROUP_STATES),
    snoozedUntil: Instant.nullable(),
    assignedTo: z.string().nullable(),
    fixed: z
      .object({ at: Instant, by: z.string(), version: z.string().nullable() })
      .nullable()
      .describe("Who says so; a run that fails so again, not under an older version, opens it"),
    reopenedAt: Instant.nullable().describe("When it came again though it was said to be fixed"),
    note: z.string().nullable(),
  })
  .meta({ id: "ErrorGroup" });

export type ErrorGroup = z.infer<typeof ErrorGroup>;

export const ErrorGroupPage = z
  .object({ groups: z.array(ErrorGroup), nextCursor: z.string().nullable() })
  .meta({ id: "ErrorGroupPage" });

export type ErrorGroupPage = z.infer<typeof ErrorGroupPage>;

export const ErrorGroupDetail = ErrorGroup.extend({
  hours: z
    .array(z.object({ at: Instant, count: z.int() }))
    .describe("Of the last week, those with any"),
  versions: z.array(
    z.object({
      job: z.string(),
      version: z.string().nullable(),
      firstSeen: Instant,
      lastSeen: Instant,
      count: z.int(),
    }),
  ),
  deployBefore: z
    .object({ job: z.string(), version: z.string(), at: Instant })
    .nullable()
    .describe("The last version of one of its jobs that came before the first of them"),
  sample: z
    .object({
      run: RunId,
      job: z.string(),
      failedAt: Instant.nullable(),
      errorClass: z.string().nullable(),
      message: z.string().nullable(),
      stack: z.string().nullable(),
      input: StoredJson,
    })
    .nullable()
    .describe("The newest run; null where it is kept no more"),
  common: z
    .array(
      z.object({
        what: z.string().describe("Such as input.region, version, worker, hour"),
        value: z.string(),
        failures: z.number().describe("The share of them that has it, 0 to 1"),
        successes: z.number(),
        text: z.string().describe("In words"),
      }),
    )
    .describe("What sets them apart from successes of the same job, the most telling first"),
  commonOf: z
    .object({ failures: z.int(), successes: z.int() })
    .describe("How many of each were compared: the newest"),
  diff: PayloadDiff.nullable().describe(
    "The input of the sample against that of the last run of its job that completed",
  ),
}).meta({ id: "ErrorGroupDetail" });

export type ErrorGroupDetail = z.infer<typeof ErrorGroupDetail>;

export const ChangeErrorGroup = z
  .strictObject({
    snoozedUntil: Instant.nullable().optional(),
    assignedTo: z.string().min(1).max(200).nullable().optional(),
    fixed: z
      .strictObject({
        version: z
          .string()
          .min(1)
          .max(100)
          .optional()
          .describe("From which on it should not come any more; else at once"),
      })
      .nullable()
      .optional(),
    note: z.string().max(1000).nullable().optional(),
  })
  .refine((asked) => Object.keys(asked).length > 0, { error: "say what is to change" })
  .meta({ id: "ChangeErrorGroup" });

export type ChangeErrorGroup = z.infer<typeof ChangeErrorGroup>;

import { z } from "zod";
import { Attempt, Instant, MAX_PAGE, Name, RunId } from "./runs.ts";
import { Problem } from "./problem.ts";
import { PayloadDiff } from "./payload-diff.ts";
import { StoredJson } from "./stored-json.ts";

const Fingerprint = z
  .string()
  .regex(/^[0-9a-f]{16}$/, "not a fingerprint: 16 hexadecimal digits")
  .describe("The same for failures that one would mend together");

export const DeadLetter = z
  .object({
    runId: RunId,
    job: z.string(),
    queue: z.string(),
    failedAt: Instant,
    fingerprint: Fingerprint.nullable().describe("Null for those that an older version recorded"),
    error: z.object({ class: z.string(), message: z.string() }),
  })
  .meta({ id: "DeadLetter" });

export type DeadLetter = z.infer<typeof DeadLetter>;

/** What dead letters are chosen by; all that is given must hold. */
const FILTER = {
  job: Name.optional(),
  queue: Name.optional(),
  fingerprint: Fingerprint.optional(),
  errorClass: z.string().min(1).max(200).optional().describe("Such as TypeError"),
  since: Instant.optional().describe("Failed at or after"),
  until: Instant.optional().describe("Failed before"),
  text: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe("The error's message has this in it, in whatever case"),
};

export const DeadLetterFilter = z.strictObject(FILTER).meta({ id: "DeadLetterFilter" });

export type DeadLetterFilter = z.infer<typeof DeadLetterFilter>;

/** How many dead letters one list request looks at; what it did not reach is reached through `nextCursor`. */
export const DEAD_LETTER_WINDOW = 20_000;

export const ListDeadLetters = z.strictObject({
  ...FILTER,
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
  cursor: z.uuid().optional().describe("nextCursor of the page before"),
});

export const DeadLetterPage = z
  .object({
    deadLetters: z.array(DeadLetter),
    nextCursor: z
      .uuid()
      .nullable()
      .describe(
        "Where to look on; null at the end. A page may be short, even empty, and still have one: each request looks at 20,000 dead letters at the most",
      ),
  })
  .meta({ id: "DeadLetterPage" });

export type DeadLetterPage = z.infer<typeof DeadLetterPage>;

/** How many dead letters are grouped, the newest first. */
export const GROUP_WINDOW = 200_000;

export const GroupDeadLetters = z.strictObject({
  job: FILTER.job,
  queue: FILTER.queue,
  since: FILTER.since,
  until: FILTER.until,
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
});

export const DeadLetterGroup = z
  .object({
    fingerprint: Fingerprint.nullable(),
    errorClass: z.string(),
    count: z.int(),
    firstSeen: Instant,
    lastSeen: Instant,
    jobs: z.array(z.string()).describe("The ten with the most of them"),
    sample: z.object({ runId: RunId, message: z.string() }).describe("The newest"),
  })
  .meta({ id: "DeadLetterGroup" });

export type DeadLetterGroup = z.infer<typeof DeadLetterGroup>;

export const DeadLetterGroups = z
  .object({
    groups: z.array(DeadLetterGroup).describe("The largest first"),
    total: z.int().describe("Dead letters in all groups, also in those beyond the limit"),
    complete: z
      .boolean()
      .describe("False when there are more than 200,000 dead letters: only the newest are counted"),
  })
  .meta({ id: "DeadLetterGroups" });

export const DeadLetterDetail = DeadLetter.extend({
  input: StoredJson,
  attempts: z.array(Attempt),
  rerunOf: RunId.nullable().describe("The run that this one was a rerun of"),
  handled: z
    .object({
      at: Instant,
      by: z.string(),
      resolution: z.enum(["rerun", "dismissed"]),
      note: z.string().nullable(),
      rerun: RunId.nullable(),
      operation: z.int().nullable(),
    })
    .nullable()
    .describe("Null while nobody has handled it"),
  diff: PayloadDiff.nullable().describe(
    "Its input against that of the last run of its job that completed; null where there is none among the newest 20,000 runs",
  ),
}).meta({ id: "DeadLetterDetail" });

export type DeadLetterDetail = z.infer<typeof DeadLetterDetail>;

export const Dismiss = z.strictObject({ note: z.string().max(1000).optional() });

/** Longer is a program, not an edit. */
const MAX_PATCH_STEPS = 100;

/** Names by which an object's prototype can be reached. */
const RESERVED = ["__proto__", "constructor", "prototype"];

const Pointer = z
  .string()
  .max(1000)
  .regex(/^(\/([^~/]|~[01])*)*$/, "not a JSON Pointer (RFC 6901), such as /items/0/price")
  .refine(
    (text) => !text.split("/").some((key) => RESERVED.includes(key)),
    "a patch does not reach what is named __proto__, constructor or prototype: replace what is around it",
  );

const PatchStep = z.discriminatedUnion("op", [
  z.strictObject({ op: z.literal("add"), path: Pointer, value: z.json() }),
  z.strictObject({ op: z.literal("replace"), path: Pointer, value: z.json() }),
  z.strictObject({ op: z.literal("test"), path: Pointer, value: z.json() }),
  z.strictObject({ op: z.literal("remove"), path: Pointer }),
  z.strictObject({ op: z.literal("move"), from: Pointer, path: Pointer }),
  z.strictObject({ op: z.literal("copy"), from: Pointer, path: Pointer }),
]);

export const JsonPatch = z
  .array(PatchStep)
  .min(1)
  .max(MAX_PATCH_STEPS)
  .describe("RFC 6902, applied to a run's input")
  .meta({ id: "JsonPatch" });

export type JsonPatch = z.infer<typeof JsonPatch>;

/** Of a run as of a dead letter. */
export const Rerun = z.strictObject({ patch: JsonPatch.optional() });

export const PreviewPatch = z.strictObject({ patch: JsonPatch });

export const PatchPreview = z
  .object({
    runId: RunId,
    job: z.string(),
    before: StoredJson,
    after: StoredJson.nullable().describe("Null when the patch cannot be applied"),
    accepted: z.boolean().describe("Whether a rerun with this input would be accepted"),
    problem: Problem.omit({ requestId: true }).nullable(),
  })
  .meta({ id: "PatchPreview" });

export type PatchPreview = z.infer<typeof PatchPreview>;

import { z } from "zod";
import { LOG_LEVELS } from "../log-level.ts";
import { Instant, RunStateSchema } from "./runs.ts";
import { StoredObject } from "./stored-json.ts";

/** Lines that a search looks at, at each request. */
export const LOG_WINDOW = 5000;

/** Longer searches cost more than they find. */
const MAX_SEARCH = 200;

export const LogLine = z
  .object({
    seq: z.int().describe("Grows within a run: by attempt, and then as it was said"),
    attempt: z.int(),
    at: Instant,
    level: z.string(),
    step: z.string().nullable().describe("In which it was said; null for what is outside of steps"),
    message: z.string(),
    fields: StoredObject.nullable(),
  })
  .meta({ id: "LogLine" });

export type LogLine = z.infer<typeof LogLine>;

export const LogPage = z
  .object({
    lines: z.array(LogLine).describe("In the order in which they were said"),
    next: z.int().nullable().describe("Pass as after to read on; null at the end, for now"),
    previous: z.int().nullable().describe("Pass as before to read back; null at the beginning"),
  })
  .meta({ id: "LogPage" });

export type LogPage = z.infer<typeof LogPage>;

const position = z.coerce.number().int().min(-1).max(Number.MAX_SAFE_INTEGER);

const wanted = {
  level: z.enum(LOG_LEVELS).optional().describe("The least level"),
  attempt: z.coerce.number().int().min(1).max(32_767).optional(),
  since: Instant.optional().describe("What was said at that time, or later"),
  q: z
    .string()
    .min(1)
    .max(MAX_SEARCH)
    .optional()
    .describe("A text in the message, the fields or the name of the step, in any case of letters"),
};

export const ReadLog = z.strictObject({
  after: position.optional().describe("Default: from the beginning"),
  before: z
    .union([z.literal("end"), position])
    .optional()
    .describe("The lines before that one; `end` for the last of all"),
  limit: z.coerce.number().int().min(1).max(1000).default(200),
  ...wanted,
});

export type ReadLog = z.infer<typeof ReadLog>;

export const FollowLog = z.strictObject({
  after: position.default(-1).describe("Default: from the beginning. Last-Event-ID wins"),
  ...wanted,
});

export type FollowLog = z.infer<typeof FollowLog>;

/** The data of the event `end` of a log's stream. */
export const LogEnd = z
  .object({ state: RunStateSchema.nullable().describe("Null for a run that is no longer kept") })
  .meta({ id: "LogEnd" });

export type LogEnd = z.infer<typeof LogEnd>;

import { z } from "zod";
import { MAX_QUERY_LENGTH } from "../query/parse.ts";
import { LogLine } from "./run-log.ts";
import { Instant, RunId } from "./runs.ts";

const LineQueryText = z
  .string()
  .max(MAX_QUERY_LENGTH)
  .default("")
  .describe(
    'Which lines, such as `job:contact.sync level:>=warn "503"`: the fields of searches of runs, `level`, and texts that the line has',
  );

/** A line of a run's log, among lines of others. */
export const RunLine = LogLine.extend({ run: RunId, job: z.string() }).meta({ id: "RunLine" });

export type RunLine = z.infer<typeof RunLine>;

/** Where a stream of lines goes on: what has come, and what has not, by the transactions that wrote it. */
const Position = z.string().regex(/^[0-9a-z._]{5,8000}$/);

export const ListLines = z.strictObject({
  q: LineQueryText,
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: z
    .string()
    .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(\.\d{1,15})?$/)
    .optional()
    .describe("nextCursor of the page before"),
});

export const LinePage = z
  .object({
    lines: z
      .array(RunLine)
      .describe(
        "The last lines of the newest runs, in the order of time; of each run in its own order",
      ),
    nextCursor: z.string().nullable().describe("Where to look on; null at the end"),
    complete: z
      .boolean()
      .describe("Whether the page is full, or all was looked at; else the time was over"),
    back: Instant.nullable().describe(
      "Runs that were accepted since then were looked at; null when all were",
    ),
    position: Position.describe(
      "Pass as after to the stream, for what is said from now on; a line of this page may come again",
    ),
  })
  .meta({ id: "LinePage" });

export type LinePage = z.infer<typeof LinePage>;

export const FollowLogs = z.strictObject({
  q: LineQueryText,
  after: Position.optional().describe("Default: from now on. Last-Event-ID wins"),
});

/** The data of the event `lost` of a stream of lines. */
export const LostLines = z
  .object({
    lines: z
      .int()
      .nullable()
      .describe(
        "How many, those that would not have matched perhaps included; null where nobody knows, and where those of others would be told to who is confined to projects",
      ),
    from: Instant,
    to: Instant,
    why: z
      .enum(["slow_reader", "too_many", "too_late", "took_too_long"])
      .describe(
        "Lines came faster than they were read; more were said at once than is looked at; who came back had been away for more than five minutes; to find them took too long",
      ),
  })
  .meta({ id: "LostLines" });

export type LostLines = z.infer<typeof LostLines>;

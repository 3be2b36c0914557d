import { z } from "zod";
import { QueueOutlook } from "./queues.ts";
import { Instant, RunId } from "./runs.ts";

/** As many runs as one stream watches. */
export const MAX_WATCHED = 200;

export const WatchLive = z.strictObject({
  runs: z
    .string()
    .max(MAX_WATCHED * 37)
    .default("")
    .transform((text) => [...new Set(text.split(",").filter(Boolean))])
    .pipe(z.array(RunId).max(MAX_WATCHED))
    .describe("Ids of the runs that are on the screen, with commas between them; 200 at the most"),
});

/** What all who watch are told about once a second. */
export const LiveTick = z
  .object({
    at: Instant,
    everyMs: z.int().describe("How often there is one: less often while much waits"),
    queues: z.array(
      z.object({
        name: z.string(),
        ready: z.int().describe("Runs that may start now"),
        held: z.int().describe("Runs that something holds back"),
        running: z.int(),
        oldestSeconds: z
          .number()
          .nullable()
          .describe("How long the first of those that wait has waited"),
        paused: z.boolean(),
        outlook: QueueOutlook.nullable().describe(
          "When what waits will have started; null where nothing waits, and for who is confined to projects: GET /api/v1/queues/{name} tells it of theirs",
        ),
      }),
    ),
    states: z.object({ queued: z.int(), running: z.int() }),
    cost: z
      .object({
        queriesPerSecond: z.number(),
        databaseShare: z
          .number()
          .describe(
            "Which part of the time the database is busy with them, by its clock: 0.002 is 0.2 %",
          ),
        watchers: z.int(),
      })
      .nullable()
      .describe(
        "What these looks cost the database, in this process; null for who is confined to projects",
      ),
  })
  .meta({ id: "LiveTick" });

export type LiveTick = z.infer<typeof LiveTick>;

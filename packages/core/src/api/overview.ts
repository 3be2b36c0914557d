import { z } from "zod";
import { Instant, RunId } from "./runs.ts";

export const OVERVIEW_RANGES = ["1h", "6h", "24h", "7d"] as const;

export type OverviewRange = (typeof OVERVIEW_RANGES)[number];

export const ReadOverview = z.strictObject({
  range: z
    .enum(OVERVIEW_RANGES)
    .optional()
    .describe("Up to now, 1h where nothing is said; not together with since and until"),
  since: Instant.optional().describe("Of another range its beginning; with until"),
  until: Instant.optional().describe("And its end"),
});

export type ReadOverview = z.infer<typeof ReadOverview>;

export const Attention = z.discriminatedUnion("kind", [
  z
    .object({
      kind: z.literal("errors"),
      fingerprint: z.string(),
      errorClass: z.string(),
      message: z.string(),
      jobs: z.array(z.string()),
      inRange: z.int().describe("Since the range began"),
      perMinute: z.number().describe("In the last hour"),
      before: z.number().describe("Per minute, in the 24 hours before that"),
      firstSeen: Instant,
      lastSeen: Instant,
      version: z.string().nullable().describe("Of the code that failed so last"),
      sampleRun: RunId,
      spark: z.array(z.int()).describe("The last hour by five minutes, oldest first"),
    })
    .describe("What runs fail with, more often than before"),
  z
    .object({
      kind: z.literal("queue"),
      queue: z.string(),
      waiting: z.int(),
      oldestSeconds: z.number(),
      growingPerMinute: z.number().nullable().describe("Over ten minutes; null where nobody knows"),
      workers: z.int(),
      paused: z
        .object({
          by: z.string().nullable(),
          reason: z.string().nullable(),
          since: Instant,
          until: Instant.nullable(),
        })
        .nullable(),
    })
    .describe(
      "A queue that does not drain: paused, without workers, growing, or waiting for five minutes",
    ),
  z.object({
    kind: z.literal("schedule"),
    schedule: z.string(),
    job: z.string(),
    dueAt: Instant,
    lateSeconds: z.number(),
  }),
  z
    .object({ kind: z.literal("worker"), worker: z.int(), name: z.string(), lostAt: Instant })
    .describe("Lost within the last hour"),
  z.object({
    kind: z.enum(["approvals", "doubts"]),
    count: z.int().describe("1,000 at the most"),
    oldestSince: Instant,
  }),
]);

export type Attention = z.infer<typeof Attention>;

export const Overview = z
  .object({
    at: Instant,
    range: z.enum(OVERVIEW_RANGES).nullable().describe("Null for one from since to until"),
    attention: z
      .array(Attention)
      .describe("What needs somebody, the most urgent first; 20 at the most"),
    numbers: z.object({
      running: z.int(),
      waiting: z.int().describe("What may start, and what something holds back"),
      failedPerMinute: z.number().describe("Over the last five minutes"),
      oldestWaitSeconds: z.number().nullable(),
    }),
    sparks: z
      .object({
        at: z.array(Instant),
        running: z.array(z.int()),
        waiting: z.array(z.int()),
        failed: z.array(z.int()),
        oldestWaitSeconds: z.array(z.number()),
      })
      .describe("The last hour by the minute, oldest first"),
    bars: z
      .object({
        seconds: z.int().describe("How long each is"),
        at: z.array(Instant),
        completed: z.array(z.int()),
        failed: z.array(z.int()),
        cancelled: z.array(z.int()),
        keptSince: Instant.describe("Of an earlier time nothing is known any more"),
      })
      .describe("How runs ended, oldest first"),
    deploys: z
      .array(z.object({ job: z.string(), version: z.string(), at: Instant }))
      .describe("Versions that were first seen in the range, oldest first; the last 100"),
  })
  .meta({ id: "Overview" });

export type Overview = z.infer<typeof Overview>;

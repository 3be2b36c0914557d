import { z } from "zod";
import { SEVERITIES } from "../alert.ts";
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

export const ReadOverviewMinute = z.strictObject({
  at: Instant.describe("Any instant of the minute; not one that is to come"),
});

export type ReadOverviewMinute = z.infer<typeof ReadOverviewMinute>;

/** As many of a kind an overview of a minute names at the most. */
export const MAX_OF_A_MINUTE = 50;

/** What was seen then, each part by itself: null is what is not kept any more, or what nobody looked at. */
export const OverviewMinute = z
  .object({
    at: Instant.describe("When the minute began"),
    ends: z
      .object({
        seconds: z.int().describe("60; 3600 where only the hour is kept"),
        at: Instant,
        completed: z.int(),
        failed: z.int(),
        cancelled: z.int(),
        retried: z.int().describe("Attempts that failed, of runs that went on"),
        lost: z.int().describe("Attempts that were lost with their worker"),
      })
      .nullable()
      .describe("How attempts and runs ended"),
    standing: z
      .object({
        running: z.int(),
        waiting: z.int(),
        oldestWaitSeconds: z.number().nullable(),
        queues: z
          .array(
            z.object({
              queue: z.string(),
              waiting: z.int(),
              running: z.int(),
              oldestSeconds: z.number(),
            }),
          )
          .describe("Those in which anything was, with what waited most first"),
      })
      .nullable()
      .describe("What waited and ran when it was looked at within the minute"),
    errors: z
      .object({
        seconds: z.int(),
        at: Instant,
        groups: z.array(
          z.object({
            fingerprint: z.string(),
            errorClass: z.string(),
            message: z.string().describe("Of the run that failed so last, up to now"),
            jobs: z.array(z.string()),
            count: z.int(),
            firstSeen: Instant,
          }),
        ),
      })
      .nullable()
      .describe("What runs failed with in the five minutes of which it is one, the most first"),
    calls: z
      .array(z.object({ host: z.string(), calls: z.int(), failed: z.int() }))
      .nullable()
      .describe("Calls of handlers, those of which most failed first"),
    alerts: z
      .array(
        z.object({
          id: z.uuid(),
          rule: z.string(),
          subject: z.string(),
          severity: z.enum(SEVERITIES),
          firedAt: Instant,
          resolvedAt: Instant.nullable().describe("Null for one that fires still"),
        }),
      )
      .nullable()
      .describe("Those that fired then, the most severe first"),
    workersLost: z
      .array(z.object({ worker: z.int(), name: z.string(), lostAt: Instant }))
      .nullable()
      .describe("Within the hour before"),
    deploys: z
      .array(z.object({ job: z.string(), version: z.string(), at: Instant }))
      .describe("Versions that were first seen within the hour before, oldest first"),
  })
  .meta({ id: "OverviewMinute" });

export type OverviewMinute = z.infer<typeof OverviewMinute>;

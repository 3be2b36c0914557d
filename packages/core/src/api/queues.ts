import { z } from "zod";
import { OUTLOOKS } from "../backlog.ts";
import { MAX_DEPTH } from "../max-depth.ts";
import { PausedInfo } from "./pauses.ts";
import { RateGiven, RateInfo } from "./rates.ts";

const Seconds = z.number().nullable();

export const QueueOutlook = z
  .object({
    verdict: z
      .enum(OUTLOOKS)
      .describe(
        "empty; paused; no_worker: none that lives takes from it; unknown: too little has started lately to tell; keeps_up: less waits than starts in a minute; drains; grows: it will not drain",
      ),
    words: z.string().describe("The same for people"),
    inPerMinute: z
      .number()
      .nullable()
      .describe(
        "Runs that come to wait per minute, retries among them, averaged over five minutes; null before there are two samples",
      ),
    outPerMinute: z.number().nullable().describe("Runs that workers start per minute, likewise"),
    seconds: Seconds.describe("In how many seconds what waits now will have started"),
    soonest: Seconds.describe("The same at the pace of the better quarter of the last 30 minutes"),
    latest: Seconds.describe("At that of the worse quarter; null where at that it would not drain"),
    growth: z.number().nullable().describe("By how many runs a minute it grows"),
    moreWorkers: z
      .int()
      .nullable()
      .describe(
        "So many more workers like those that it has would do it; null where that is not known: where they take from other queues as well, have free slots, or a limit, a rate or a pause is in the way",
      ),
  })
  .meta({ id: "QueueOutlook" });

export type QueueOutlook = z.infer<typeof QueueOutlook>;

export const QueueInfo = z
  .object({
    name: z.string(),
    project: z
      .string()
      .nullable()
      .describe(
        "To which it belongs; null for one that all share, of which a caller sees what is of their projects",
      ),
    ready: z.int().describe("Runs that may start now"),
    held: z
      .int()
      .describe("Runs that a limit, a rate, a pause of their job or an unfilled batch holds back"),
    running: z.int(),
    scheduled: z.int().describe("Runs that are not due yet"),
    waiting: z.int().describe("Runs whose steps wait"),
    oldestSeconds: z
      .number()
      .nullable()
      .describe("How long the oldest run that is ready or held back has waited"),
    workers: z.int().describe("Living workers that take from it"),
    slots: z.int().describe("How many runs these may execute at a time"),
    outlook: QueueOutlook.nullable().describe(
      "When what waits will have started; null for a queue that is shared, to a caller who sees but a part of it",
    ),
    concurrency: z
      .int()
      .nullable()
      .describe("How many of its runs may run at the same time, over all workers"),
    rate: RateInfo.nullable().describe("How many of its runs may start, over all workers"),
    maxDepth: z
      .int()
      .nullable()
      .describe(
        "How many of its runs may wait, ready, held back or delayed; counted once a second",
      ),
    limitedBy: z
      .string()
      .nullable()
      .describe("Who has set these limits instead of the code; null while the code's hold"),
    defined: z
      .object({
        concurrency: z.int().nullable(),
        rate: RateInfo.nullable(),
        maxDepth: z.int().nullable(),
      })
      .nullable()
      .describe("What code says of the limits (defineQueue); null for a queue that none defines"),
    paused: PausedInfo.nullable(),
    drained: PausedInfo.nullable().describe(
      "Since when it takes no new runs, while those that are there are worked off",
    ),
  })
  .meta({ id: "Queue" });

export type QueueInfo = z.infer<typeof QueueInfo>;

export const QueueFill = z
  .object({
    tokens: z
      .number()
      .nullable()
      .describe(
        "How many runs its rate lets start at once now, burst at the most; below 0 after runs that cost more; null without a rate",
      ),
    keys: z
      .array(
        z.object({
          job: z.string(),
          key: z.string(),
          running: z.int().describe("Of this key, in all queues; a batch counts as one"),
          limit: z.int(),
          held: z.int().describe("Runs of this key that wait in this queue, 10,000 at the most"),
        }),
      )
      .describe(
        "The ten keys that are fullest, of the jobs that are put here and limit their keys; those of which something runs",
      ),
  })
  .meta({ id: "QueueFill" });

export type QueueFill = z.infer<typeof QueueFill>;

export const QueueList = z.object({ queues: z.array(QueueInfo) }).meta({ id: "QueueList" });

export const SetQueueLimits = z
  .strictObject({
    concurrency: z
      .int()
      .min(1)
      .max(100_000)
      .nullable()
      .optional()
      .describe("Null takes the limit away; absent leaves it"),
    rate: RateGiven.nullable().optional().describe("Null takes the limit away; absent leaves it"),
    maxDepth: z
      .int()
      .min(1)
      .max(MAX_DEPTH)
      .nullable()
      .optional()
      .describe("Null takes the limit away; absent leaves it"),
  })
  .refine((limits) => Object.values(limits).some((limit) => limit !== undefined), {
    error: "give concurrency, rate or maxDepth; null takes a limit away",
  })
  .meta({ id: "SetQueueLimits" });

export type SetQueueLimits = z.infer<typeof SetQueueLimits>;

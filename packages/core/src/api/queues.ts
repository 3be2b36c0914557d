import { z } from "zod";
import { Instant } from "./runs.ts";

export const QueueInfo = z
  .object({
    name: z.string(),
    ready: z.int().describe("Runs that may start now"),
    running: z.int(),
    scheduled: z.int(),
    oldestSeconds: z.number().nullable().describe("How long the oldest ready run has waited"),
    workers: z.int().describe("Living workers that take from it"),
    paused: z.object({ at: Instant, by: z.string(), reason: z.string().nullable() }).nullable(),
  })
  .meta({ id: "Queue" });

export type QueueInfo = z.infer<typeof QueueInfo>;

export const QueueList = z.object({ queues: z.array(QueueInfo) }).meta({ id: "QueueList" });

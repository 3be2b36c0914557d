import { z } from "zod";
import { Instant, RunId } from "./runs.ts";

export const WorkerInfo = z
  .object({
    id: z.int(),
    name: z.string().describe("Host and process id"),
    project: z.string().describe("In which it has registered its jobs"),
    state: z.enum(["active", "draining", "gone", "lost"]),
    concurrency: z.int(),
    running: z.array(RunId),
    attemptsPerMinute: z
      .number()
      .nullable()
      .describe("Attempts of it that end a minute, as it said last; null before it has"),
    failuresPerMinute: z.number().nullable().describe("Those of them that fail"),
    memoryBytes: z
      .number()
      .nullable()
      .describe("Resident memory of its process, as it said last; null before it has"),
    loopLagMs: z
      .number()
      .nullable()
      .describe("How late its event loop was, at the 99th percentile, as it said last"),
    quieted: z
      .object({ at: Instant, by: z.string() })
      .nullable()
      .describe("Who asked it to take nothing new; its state is draining meanwhile"),
    queues: z.array(z.string()),
    jobs: z.array(z.string()),
    version: z.string(),
    startedAt: Instant,
    seenAt: Instant,
    endedAt: Instant.nullable(),
  })
  .meta({ id: "Worker" });

export type WorkerInfo = z.infer<typeof WorkerInfo>;

export const WorkerList = z
  .object({
    now: Instant.describe("By the clock of the database, which all times here are of"),
    workers: z.array(WorkerInfo),
  })
  .meta({ id: "WorkerList" });

export const WorkerId = z.coerce.number().int().min(1).max(2_147_483_647);

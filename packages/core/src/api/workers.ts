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

export const StackSample = z
  .object({
    at: Instant,
    ms: z.int().describe("For how long it was looked"),
    answered: z
      .boolean()
      .describe(
        "False where the main thread let nobody look: it stands in native code, such as a call that waits for another process",
      ),
    shares: z
      .object({ code: z.number(), idle: z.number(), collecting: z.number(), native: z.number() })
      .describe(
        "Of the time: in functions, waiting for something to do, collecting garbage, and in what is no JavaScript",
      ),
    stacks: z
      .array(
        z.object({
          share: z.number().describe("Of the time, in the innermost function itself"),
          frames: z
            .array(
              z.object({
                function: z.string(),
                place: z
                  .string()
                  .nullable()
                  .describe("The file and line where the function begins"),
              }),
            )
            .describe("Innermost first"),
        }),
      )
      .describe("The hottest, at most 20; no arguments and no values"),
  })
  .meta({ id: "StackSample" });

export type StackSample = z.infer<typeof StackSample>;

export const WorkerSample = z
  .object({
    asked: z
      .object({ at: Instant, by: z.string() })
      .nullable()
      .describe("Who waits for one: the worker hears of it by its next heartbeat"),
    sample: StackSample.nullable().describe("The last that was taken"),
  })
  .meta({ id: "WorkerSample" });

export type WorkerSample = z.infer<typeof WorkerSample>;

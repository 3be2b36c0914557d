import { z } from "zod";
import { Instant } from "./runs.ts";

export const JobInfo = z
  .object({
    name: z.string(),
    description: z.string(),
    queue: z.string(),
    priority: z.int(),
    timeoutMs: z.int(),
    retry: z.object({
      maxAttempts: z.int(),
      firstDelayMs: z.int(),
      factor: z.number(),
      maxDelayMs: z.int(),
      maxElapsedMs: z
        .int()
        .nullable()
        .describe("No retry starts later than this after the first attempt began"),
      budget: z
        .object({ limit: z.int(), perMs: z.int() })
        .nullable()
        .describe("How many retries of the job may start in a window, over all workers"),
      rules: z.int().describe("How many rules look at an error first; they are code"),
    }),
    retentionMs: z
      .union([z.number(), z.literal("forever")])
      .nullable()
      .describe("How long its runs are kept after they ended; null for what the server says"),
    inputSchema: z
      .record(z.string(), z.json())
      .nullable()
      .describe("JSON Schema 2020-12 of the input, where the job's schema library offers one"),
    registeredAt: Instant,
  })
  .meta({ id: "Job" });

export type JobInfo = z.infer<typeof JobInfo>;

export const JobList = z.object({ jobs: z.array(JobInfo) }).meta({ id: "JobList" });

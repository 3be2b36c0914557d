import { z } from "zod";
import { NODE_KINDS, NODE_RULES } from "../flow-graph.ts";
import { WHEN_FULL } from "../flow-policy.ts";
import { PausedInfo } from "./pauses.ts";
import { RateInfo } from "./rates.ts";
import { Instant } from "./runs.ts";

const Path = z.string().describe("Where it lies in the input, such as customer.id");

export const JobFlow = z
  .object({
    key: Path.nullable().describe("The key that limits, rates and turns are counted by"),
    keyLimit: z.int().nullable().describe("Runs at the same time with the same key"),
    jobLimit: z.int().nullable().describe("Runs of the job at the same time"),
    whenFull: z.enum(WHEN_FULL).describe("What becomes of a run whose key is full"),
    keyRate: RateInfo.nullable(),
    jobRate: RateInfo.nullable(),
    cost: z
      .union([z.number(), Path])
      .describe("What a run takes from the rates, or where its input says so"),
    startWithinMs: z.int().describe("Runs of a queue start in the order of accepted plus this"),
    ttlMs: z.int().nullable(),
    debounce: z.object({ key: Path.nullable(), waitMs: z.int(), maxWaitMs: z.int() }).nullable(),
    throttle: z.object({ key: Path.nullable(), perMs: z.int() }).nullable(),
    batch: z.object({ size: z.int(), waitMs: z.int() }).nullable(),
  })
  .meta({ id: "JobFlow" });

export type JobFlow = z.infer<typeof JobFlow>;

export const JobGraph = z
  .object({
    nodes: z.array(
      z.object({
        name: z.string(),
        kind: z.enum(NODE_KINDS),
        job: z.string().nullable().describe("That of its children"),
        after: z.array(z.string()).describe("The nodes that it comes after"),
        when: z.enum(NODE_RULES).describe("By what rule it starts when those have ended"),
        mayFail: z.boolean().describe("Its failure does not fail the run"),
        maxAttempts: z.int().describe("How often its function is called before it has failed"),
      }),
    ),
    nodeConcurrency: z.int().nullable().describe("So many nodes are under way at once"),
  })
  .meta({ id: "JobGraph" });

export const JobInfo = z
  .object({
    name: z.string(),
    project: z.string().describe("To which it belongs, and its runs and schedules with it"),
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
    flow: JobFlow.describe("When, and beside how many others, its runs may start"),
    version: z.string().nullable().describe("Of its code, as its author counts"),
    steps: z
      .array(z.string())
      .describe("The names of its steps, as far as the text of its handler shows them"),
    fingerprint: z.string().nullable().describe("Of version and steps"),
    paused: PausedInfo.nullable().describe("Of the whole job; null for one that is disabled"),
    disabled: PausedInfo.nullable().describe(
      "Since when nothing starts it: no new run of it is taken, and none that waits is started",
    ),
    pausedKeys: z.int().describe("Keys of it that are paused; GET /api/v1/pauses lists them"),
    inputSchema: z
      .record(z.string(), z.json())
      .nullable()
      .describe("JSON Schema 2020-12 of the input, where the job's schema library offers one"),
    searchable: z
      .array(z.string())
      .describe(
        "Paths into its input, such as order.id, by whose values its runs are found at once",
      ),
    graph: JobGraph.nullable().describe("Of a flow; GET /api/v1/runs/{id}/graph has that of a run"),
    definedIn: z
      .string()
      .nullable()
      .describe(
        "The file and line where its code defines it, seen from the folder of the process that registered it; null where that is not known",
      ),
    registeredAt: Instant,
  })
  .meta({ id: "Job" });

export type JobInfo = z.infer<typeof JobInfo>;

export const JobList = z.object({ jobs: z.array(JobInfo) }).meta({ id: "JobList" });

const Spread = z.object({ p50Ms: z.int(), p95Ms: z.int(), p99Ms: z.int() }).meta({ id: "Spread" });

export const JobTimes = z
  .object({
    ended: z.int().describe("Runs that were looked at: they completed or failed"),
    completed: z.int(),
    took: Spread.nullable().describe(
      "How long those took that completed, from when their first attempt began; null for none",
    ),
    since: Instant.nullable().describe("When the oldest of them was accepted"),
    more: z.boolean().describe("Whether older runs were left out"),
    versions: z
      .array(
        z.object({
          version: z.string().nullable().describe("Of the code; null where nobody has said"),
          ended: z.int(),
          completed: z.int(),
          took: Spread.nullable(),
        }),
      )
      .describe("The same by version, newest first"),
  })
  .meta({ id: "JobTimes" });

export type JobTimes = z.infer<typeof JobTimes>;

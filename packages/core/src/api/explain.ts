import { z } from "zod";
import { QueueOutlook } from "./queues.ts";
import { Instant, RunId, RunStateSchema } from "./runs.ts";

/** Everything that can keep a run from running, each with a code of its own. */
export const BLOCKERS = [
  "not_due",
  "retry",
  "retry_budget",
  "asleep",
  "waits",
  "in_doubt",
  "needs_version",
  "debounced",
  "expired",
  "queue_paused",
  "job_paused",
  "job_disabled",
  "key_paused",
  "queue_full",
  "job_full",
  "key_full",
  "queue_rate",
  "job_rate",
  "key_rate",
  "batch_fills",
  "behind",
  "no_worker",
  "slots_full",
  "unknown_job",
] as const;

export const Blocker = z
  .object({
    code: z.enum(BLOCKERS),
    message: z.string().describe("The same in words"),
    since: Instant.nullable().describe(
      "When it began, where that is known: of pauses, and of a job that is disabled",
    ),
    until: Instant.nullable().describe("When it is over, where that is known"),
    ahead: z.int().nullable().describe("How many runs come first, where they are counted"),
    holders: z
      .array(z.object({ run: RunId, worker: z.int(), since: Instant }))
      .describe("The runs that hold the limit, or the slots, oldest first; ten at the most"),
  })
  .meta({ id: "Blocker" });

export type Blocker = z.infer<typeof Blocker>;

export const Explanation = z
  .object({
    run: RunId,
    state: RunStateSchema,
    summary: z.string().describe("One sentence"),
    blockers: z
      .array(Blocker)
      .describe("What must be over before it runs, by the same rules by which workers claim"),
    expectedStart: Instant.nullable().describe(
      "When it will start, as far as the clock, free slots and the pace of the last half minute tell; null where that is not known",
    ),
    outlook: QueueOutlook.nullable().describe(
      "When all that waits in its queue will have started; null for a run that does not wait there, and for a queue of which the caller sees but a part",
    ),
  })
  .meta({ id: "Explanation" });

export type Explanation = z.infer<typeof Explanation>;

import { z } from "zod";
import { Instant, LengthOfTime } from "./runs.ts";

const UNTIL = {
  reason: z.string().max(1000).optional().describe("For the record"),
  until: Instant.optional().describe("When it ends by itself"),
  for: LengthOfTime.optional().describe("After how long it ends by itself, such as 1h"),
};

const EITHER = { error: "give until or for, not both" };

const Key = z
  .string()
  .max(100_000)
  .describe("Only the runs whose input has this at the place of the job's key; text, or as text");

export const PauseQueue = z
  .strictObject(UNTIL)
  .refine((pause) => !(pause.until && pause.for), EITHER)
  .meta({ id: "PauseQueue" });

export const PauseJob = z
  .strictObject({ key: Key.optional(), ...UNTIL })
  .refine((pause) => !(pause.until && pause.for), EITHER)
  .meta({ id: "PauseJob" });

/** Of a job that is disabled, and a queue that is drained. */
const closing = z.strictObject(UNTIL).refine((asked) => !(asked.until && asked.for), EITHER);

export const DisableJob = closing.meta({ id: "DisableJob" });

export const DrainQueue = closing.meta({ id: "DrainQueue" });

export const ResumeJob = z.strictObject({ key: Key.optional() }).meta({ id: "ResumeJob" });

/** Who has paused something, disabled or drained it, why, and until when. */
export const PausedInfo = z
  .object({
    at: Instant,
    by: z.string(),
    reason: z.string().nullable(),
    until: Instant.nullable().describe("Null when somebody has to end it"),
  })
  .meta({ id: "Paused" });

export type PausedInfo = z.infer<typeof PausedInfo>;

export const PauseInfo = PausedInfo.extend({
  queue: z.string().nullable().describe("The queue that is paused, or"),
  job: z.string().nullable().describe("the job, or"),
  key: z.string().nullable().describe("this key of the job"),
  disabled: z.boolean().describe("Whether the job takes nothing new either"),
}).meta({ id: "Pause" });

export type PauseInfo = z.infer<typeof PauseInfo>;

export const PauseList = z.object({ pauses: z.array(PauseInfo) }).meta({ id: "PauseList" });

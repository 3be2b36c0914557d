import { z } from "zod";
import { STEP_LIMITS } from "../step-limits.ts";

/** What names a step of a run. */
export const StepName = z.string().min(1).max(STEP_LIMITS.nameLength);

export const Ordinal = z
  .int()
  .min(1)
  .max(STEP_LIMITS.steps)
  .describe("The n-th use of the name in the run, from 1");

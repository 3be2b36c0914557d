import { z } from "zod";
import { STEP_LIMITS } from "../step-limits.ts";

/** Tells the uses of a step's name apart. No run has more steps, and PostgreSQL no greater integers than it has bits for. */
export const Ordinal = z
  .int()
  .min(1)
  .max(STEP_LIMITS.steps)
  .describe("The n-th use of the name in the run, from 1");

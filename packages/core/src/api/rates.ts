import { z } from "zod";
import { LengthOfTime } from "./runs.ts";

/** A rate as a caller writes it. */
export const RateGiven = z
  .strictObject({
    limit: z.number().positive().max(1e9).describe("Starts, or units of cost, per length of time"),
    per: LengthOfTime.describe("1ms to 30d"),
    burst: z
      .number()
      .min(1)
      .max(1e9)
      .optional()
      .describe("What may start at once after a quiet time; what a tenth of a second allows, else"),
  })
  .meta({ id: "RateGiven" });

/** A rate as it holds. */
export const RateInfo = z
  .object({ limit: z.number(), perMs: z.int(), burst: z.number() })
  .meta({ id: "Rate" });

export type RateInfo = z.infer<typeof RateInfo>;

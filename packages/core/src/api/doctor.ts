import { z } from "zod";
import { Instant } from "./runs.ts";

export const Finding = z
  .object({
    check: z.string().describe("What was looked at, such as connections"),
    level: z
      .enum(["ok", "warn", "bad"])
      .describe("bad makes the whole unhealthy; warn is worth a look"),
    text: z.string().describe("What was found, in words"),
    fix: z.string().optional().describe("How to mend it, where it is not well"),
  })
  .meta({ id: "Finding" });

export type Finding = z.infer<typeof Finding>;

export const Checkup = z
  .object({
    at: Instant.describe("When it was looked, by the clock of the process that answers"),
    tookMs: z.int(),
    findings: z.array(Finding),
  })
  .meta({ id: "Checkup" });

export type Checkup = z.infer<typeof Checkup>;

import { z } from "zod";
import { Instant } from "./runs.ts";

/** As long as a range may be: a month, and what of the weeks around it a calendar shows. */
export const MAX_AGENDA_DAYS = 42;

/** Schedules that one answer looks at, and times that it has at the most. */
export const MAX_AGENDA_SCHEDULES = 500;
export const MAX_AGENDA = 2000;

export const ReadAgenda = z.strictObject({
  from: Instant.optional().describe("Default now"),
  until: Instant.optional().describe("Not part of it. Default 31 days after from"),
});

export const Agenda = z
  .object({
    occurrences: z
      .array(
        z.object({
          schedule: z.string(),
          job: z.string(),
          at: Instant,
          local: z.string().describe("The same by the clock of the zone, with its offset"),
          zone: z.string(),
          dst: z.enum(["gap", "first-of-two", "second-of-two"]).nullable(),
          blackout: z.string().nullable().describe("The blackout that it is skipped for, in words"),
        }),
      )
      .describe("In the order of time; 2,000 at the most, which schedules share evenly"),
    shifts: z
      .array(z.object({ zone: z.string(), at: Instant, minutes: z.int() }))
      .describe(
        "Changes of the clocks in zones of these schedules; 60: they go forward by an hour",
      ),
    truncated: z
      .array(z.object({ schedule: z.string(), after: Instant }))
      .describe("Schedules that fire more often, and after which instant that is not shown"),
    complete: z
      .boolean()
      .describe("False when there are more than 500 schedules: the first by name are shown"),
  })
  .meta({ id: "Agenda" });

export type Agenda = z.infer<typeof Agenda>;

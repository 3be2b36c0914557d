import { z } from "zod";
import { OFF_DAYS, WEEKDAYS } from "../schedule/calendar.ts";
import { MISSED, OVERLAPS } from "../schedule/policy.ts";
import { PausedInfo } from "./pauses.ts";
import { Instant, LengthOfTime, MAX_PAGE, Name, RunId } from "./runs.ts";
import { StoredJson } from "./stored-json.ts";

/** As many occurrences as one backfill, and one dry run, may be about. */
export const MAX_BACKFILL = 10_000;

const Weekday = z.enum(WEEKDAYS);

const Calendar = z
  .strictObject({
    at: z.union([z.string(), z.array(z.string())]).describe("Times of day, such as 09:00"),
    weekdays: z.array(Weekday).optional().describe("Of every everyWeeks-th week"),
    everyWeeks: z.int().optional(),
    monthDays: z
      .array(z.int())
      .optional()
      .describe("1 to 31 of every everyMonths-th month; -1 is the last"),
    workingDays: z.array(z.int()).optional().describe("1 is the month's first, -1 its last"),
    everyMonths: z.int().optional(),
    from: z.string().optional().describe("The first day, from which weeks and months are counted"),
    workweek: z.array(Weekday).optional().describe("Default Monday to Friday"),
    holidays: z.array(z.string()).optional().describe("Days that are no working days"),
    offDay: z
      .enum(OFF_DAYS)
      .optional()
      .describe("What becomes of a weekday or month day that is no working day. Default keep"),
  })
  .meta({ id: "Calendar" });

const Blackout = z
  .strictObject({
    days: z.array(Weekday).optional().describe("With times of day: on these days only"),
    from: z.string().describe("An instant, or a time of day by the zone's clock"),
    until: z.string().describe("Not part of it; a time of day may be one of the next day"),
  })
  .meta({ id: "Blackout" });

const RULE = {
  cron: z.string().max(500).optional().describe("Five fields, or six with seconds in front"),
  every: z.string().optional().describe("A duration: every so long, by absolute time"),
  anchor: Instant.optional().describe("An instant that every meets. Default 1970-01-01T00:00:00Z"),
  at: Instant.optional().describe("One instant"),
  calendar: Calendar.optional(),
  timeZone: z.string().max(100).optional().describe("Of the IANA database. Default UTC"),
};

const LIMITS = {
  start: Instant.optional().describe("Nothing before"),
  end: Instant.optional().describe("Nothing from then on"),
  jitter: LengthOfTime.optional().describe("Each fires up to so much later, at the most 1d"),
  blackouts: z.array(Blackout).max(100).optional().describe("Occurrences in them are skipped"),
};

const POLICY = {
  overlap: z.enum(OVERLAPS).optional().describe("While a run of it is open. Default skip"),
  missed: z.enum(MISSED).optional().describe("Of those that nobody fired in time. Default last"),
  missedLimit: z.int().min(1).max(1000).optional().describe("With missed all. Default 100"),
  grace: LengthOfTime.optional().describe("How late is in time. Default 1m"),
};

export const CreateSchedule = z
  .strictObject({
    name: Name,
    job: Name,
    input: z.json().optional().describe("What its runs get. Default {}"),
    ...RULE,
    ...LIMITS,
    ...POLICY,
  })
  .meta({ id: "CreateSchedule" });

export type CreateSchedule = z.infer<typeof CreateSchedule>;

export const ChangeSchedule = z
  .strictObject({
    job: Name.optional(),
    input: z.json().optional(),
    ...RULE,
    ...POLICY,
    start: LIMITS.start.nullable().describe("Null takes it away; so with the next three"),
    end: LIMITS.end.nullable(),
    jitter: LIMITS.jitter.nullable(),
    blackouts: LIMITS.blackouts.nullable(),
  })
  .refine((change) => Object.keys(change).length > 0, { error: "say what is to change" })
  .meta({ id: "ChangeSchedule" });

export type ChangeSchedule = z.infer<typeof ChangeSchedule>;

export const PreviewRule = z
  .strictObject({
    ...RULE,
    ...LIMITS,
    name: Name.optional().describe("Of the schedule, from which jitter comes"),
    from: Instant.optional().describe("Default now"),
    count: z.int().min(1).max(1000).default(5),
  })
  .meta({ id: "PreviewRule" });

export const PreviewSchedule = z.strictObject({
  from: Instant.optional().describe("Default now"),
  count: z.coerce.number().int().min(1).max(1000).default(5),
});

const StoredRule = z.object({
  cron: z.string().nullable(),
  everyMs: z.number().nullable(),
  anchor: Instant.nullable(),
  at: Instant.nullable(),
  calendar: Calendar.nullable(),
  timeZone: z.string(),
  start: Instant.nullable(),
  end: Instant.nullable(),
  jitterMs: z.number().nullable(),
  blackouts: z.array(Blackout),
});

const Definition = z.object({
  job: z.string(),
  rule: StoredRule,
  overlap: z.enum(OVERLAPS),
  missed: z.enum(MISSED),
  missedLimit: z.int(),
  graceMs: z.number(),
  input: StoredJson,
});

export const ScheduleInfo = Definition.extend({
  name: z.string(),
  nextAt: Instant.nullable().describe("When it fires next; null when it is over, or has a problem"),
  nextNominal: Instant.nullable().describe("The instant that the rule names: without jitter"),
  waiting: z.int().describe("Occurrences that wait until a run of it has ended"),
  paused: PausedInfo.nullable(),
  problem: z
    .string()
    .nullable()
    .describe("Why it does not fire, or why its last occurrence got no run"),
  defined: Definition.nullable().describe("What code says of it; null for one that none defines"),
  changedBy: z.string().nullable().describe("Who has changed it; null while the code's holds"),
  differs: z
    .array(z.string())
    .describe("In what it differs from the code: job, rule, policy, input"),
  createdBy: z.string(),
  createdAt: Instant,
  changedAt: Instant,
}).meta({ id: "Schedule" });

export type ScheduleInfo = z.infer<typeof ScheduleInfo>;

export const ListSchedules = z.strictObject({
  job: Name.optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
  cursor: Name.optional().describe("nextCursor of the page before"),
});

export const SchedulePage = z
  .object({
    schedules: z.array(ScheduleInfo).describe("In the order of their names"),
    nextCursor: z.string().nullable(),
  })
  .meta({ id: "SchedulePage" });

export type SchedulePage = z.infer<typeof SchedulePage>;

const DST = ["gap", "first-of-two", "second-of-two"] as const;

const Dst = z
  .enum(DST)
  .nullable()
  .describe("What a change of the clocks did to it: its time is skipped, or shown twice");

export const OccurrencePreview = z
  .object({
    at: Instant.describe("When it fires"),
    nominal: Instant.describe("The instant that the rule names: the same without jitter"),
    local: z.string().describe("at by the zone's clock, with its offset"),
    wall: z.string().describe("The wall time that the rule names"),
    dst: Dst,
    note: z.string().nullable().describe("What is odd about it, in words"),
    blackout: z.string().nullable().describe("The blackout that it is skipped for"),
  })
  .meta({ id: "OccurrencePreview" });

export type OccurrencePreview = z.infer<typeof OccurrencePreview>;

export const SchedulePreview = z
  .object({ occurrences: z.array(OccurrencePreview) })
  .meta({ id: "SchedulePreview" });

export type SchedulePreview = z.infer<typeof SchedulePreview>;

export const OCCURRENCE_OUTCOMES = ["planned", "fired", "skipped", "merged", "caught up"] as const;

export const OccurrenceInfo = z
  .object({
    nominal: Instant.describe("The instant that the rule names"),
    at: Instant.describe("When it was to fire"),
    outcome: z.enum(OCCURRENCE_OUTCOMES),
    reason: z.string().nullable(),
    runId: RunId.nullable(),
    decidedAt: Instant,
    dst: Dst,
    alert: z.string().nullable().describe("Why it was missed, or did not start in time"),
    alertedAt: Instant.nullable(),
    backfill: z.int().nullable().describe("The operation that planned it"),
  })
  .meta({ id: "Occurrence" });

export type OccurrenceInfo = z.infer<typeof OccurrenceInfo>;

export const ListOccurrences = z.strictObject({
  outcome: z.enum(OCCURRENCE_OUTCOMES).optional(),
  alerts: z.stringbool().default(false).describe("Only those with an alert"),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
  cursor: Instant.optional().describe("nextCursor of the page before"),
});

export const OccurrencePage = z
  .object({
    occurrences: z.array(OccurrenceInfo).describe("Newest first"),
    nextCursor: Instant.nullable(),
  })
  .meta({ id: "OccurrencePage" });

export type OccurrencePage = z.infer<typeof OccurrencePage>;

const Range = {
  from: Instant.describe("Occurrences from then on"),
  until: Instant.describe("Not part of it; not after now"),
};

export const Backfill = z
  .strictObject({
    ...Range,
    ratePerSecond: z.number().min(0.01).max(1000).default(50).describe("Runs a second at the most"),
  })
  .meta({ id: "Backfill" });

export type Backfill = z.infer<typeof Backfill>;

export const BackfillRange = z.strictObject(Range).meta({ id: "BackfillRange" });

export const BackfillPreview = z
  .object({
    runs: z.int().describe("Runs that it would make"),
    occurrences: z.array(
      OccurrencePreview.pick({ nominal: true, local: true, dst: true, note: true }).extend({
        left: z.string().nullable().describe("Why it gets no run; null for one that would"),
      }),
    ),
  })
  .meta({ id: "BackfillPreview" });

export type BackfillPreview = z.infer<typeof BackfillPreview>;

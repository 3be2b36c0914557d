import { z } from "zod";

const KeptMs = z
  .union([z.number(), z.literal("forever")])
  .describe("In milliseconds after its end, or for ever");

export const RetentionRule = z
  .object({
    what: z.string().describe("Such as `runs`"),
    keptMs: KeptMs.nullable().describe("Null for as long as the runs that it belongs to"),
    setBy: z
      .string()
      .nullable()
      .describe("The setting or the job that says so; null where nobody can change it"),
    rows: z
      .number()
      .nullable()
      .describe("About so many, by PostgreSQL's own estimate; null where it is not told"),
    bytes: z.number().nullable().describe("With indexes"),
  })
  .meta({ id: "RetentionRule" });

export type RetentionRule = z.infer<typeof RetentionRule>;

const Amount = { runs: z.number(), bytes: z.number() };

const HistoryForecast = z
  .object({ at: z.iso.datetime(), ...Amount })
  .meta({ id: "HistoryForecast" });

const HistoryPart = z
  .object({
    from: z.iso.datetime(),
    until: z.iso.datetime(),
    goesAt: z.iso
      .datetime()
      .nullable()
      .describe("When nothing but what must stay holds it any longer; null for never"),
    ...Amount,
  })
  .meta({ id: "HistoryPart" });

export const History = z
  .object({
    since: z.iso.datetime().nullable().describe("When the oldest run was accepted"),
    ...Amount,
    perDay: z
      .object(Amount)
      .nullable()
      .describe("What is added, over the last week; null where less than an hour tells of it"),
    forecast: z
      .array(HistoryForecast)
      .describe("At that rate, when all goes that may; empty where there is no rate"),
    next: HistoryPart.nullable().describe("The oldest partition: the next to go"),
    kept: z
      .object({
        open: z.int().describe("Not ended"),
        dead: z.int().describe("Dead letters that nobody has handled"),
        rerun: z.int().describe("With a rerun that stays"),
        young: z.int().describe("Of jobs that are kept for longer"),
      })
      .describe("What stays in old partitions, as the pruner last saw it"),
    otherBytes: z.number().describe("Of all tables that are not listed among the rules"),
  })
  .meta({ id: "History" });

export type History = z.infer<typeof History>;

export const Retention = z
  .object({
    now: z.iso.datetime().describe("By the database's clock"),
    runsKeptMs: KeptMs.describe("Of jobs that say nothing, as this server is set"),
    rules: z.array(RetentionRule).describe("What is kept how long"),
    jobs: z
      .array(z.object({ job: z.string(), keptMs: KeptMs }))
      .describe("Jobs that say for themselves how long their runs are kept, 1,000 at the most"),
    history: History.nullable().describe("Null for who may not see the whole installation"),
  })
  .meta({ id: "Retention" });

export type Retention = z.infer<typeof Retention>;

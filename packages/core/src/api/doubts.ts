import { z } from "zod";
import { Ordinal } from "./ordinal.ts";
import { Instant, MAX_PAGE, Name, RunId } from "./runs.ts";

const EffectName = z.string().min(1).max(200).describe("The effect's name");

export const Doubt = z
  .object({
    runId: RunId,
    job: z.string(),
    queue: z.string(),
    name: EffectName,
    ordinal: Ordinal,
    since: Instant.describe("Since when a person is asked"),
    beganAt: Instant.describe("When it was begun last"),
    attempt: z.int().describe("The attempt that has begun it last"),
    tries: z.int().describe("How often it was begun"),
    idempotencyKey: z
      .string()
      .describe("What the other side was told, in every try: ask it for what it has under this"),
    error: z
      .object({ class: z.string(), message: z.string(), at: Instant })
      .nullable()
      .describe("What the last try that threw has thrown; null when none has: its worker died"),
  })
  .meta({ id: "Doubt" });

export type Doubt = z.infer<typeof Doubt>;

const Cursor = z
  .string()
  .regex(/^[1-9]\d{0,17}$/, "not a cursor: pass the nextCursor of the page before");

export const ListDoubts = z.strictObject({
  job: Name.optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
  cursor: Cursor.optional().describe("nextCursor of the page before"),
});

export const DoubtPage = z
  .object({
    doubts: z.array(Doubt),
    nextCursor: z.string().nullable().describe("Where to look on; null at the end"),
  })
  .meta({ id: "DoubtPage" });

export type DoubtPage = z.infer<typeof DoubtPage>;

const which = {
  name: EffectName.optional().describe("May be left out when the run has one in doubt"),
  ordinal: Ordinal.optional(),
  note: z.string().max(1000).optional().describe("How it was found out, for the record"),
};

export const ResolveDoubt = z
  .discriminatedUnion("happened", [
    z.strictObject({
      ...which,
      happened: z.literal(true),
      value: z.json().optional().describe("What the effect gives; absent: undefined"),
    }),
    z.strictObject({ ...which, happened: z.literal(false) }),
  ])
  .meta({ id: "ResolveDoubt" });

export type ResolveDoubt = z.infer<typeof ResolveDoubt>;

export const ResolvedDoubt = z
  .object({ name: EffectName, ordinal: Ordinal, happened: z.boolean() })
  .meta({ id: "ResolvedDoubt" });

export type ResolvedDoubt = z.infer<typeof ResolvedDoubt>;

import { z } from "zod";
import { DeadLetterFilter, JsonPatch, PatchPreview } from "./dead-letters.ts";
import { Instant, MAX_PAGE, QueuePlace, QueryText, RunId, isSomewhere } from "./runs.ts";

export const OPERATION_STATES = ["running", "paused", "completed", "stopped", "cancelled"] as const;

export type OperationState = (typeof OPERATION_STATES)[number];

/** States that an operation never leaves. */
export const ENDED_OPERATION_STATES: readonly OperationState[] = [
  "completed",
  "stopped",
  "cancelled",
];

/** As many dead letters as one operation may be about. */
export const MAX_MEMBERS = 200_000;

const DEFAULT_RATE = 50;

const RatePerSecond = z.number().min(0.01).max(1000);

/** What of an operation may be changed while it goes on. */
export const ChangeOperation = z
  .strictObject({
    ratePerSecond: RatePerSecond.describe(
      "How many reruns, or occurrences of a backfill, a second at the most, from now on",
    ),
  })
  .meta({ id: "ChangeOperation" });

const Query = QueryText.min(1).describe(
  "Instead of a filter: what it is about now, as the search of runs finds it",
);

const ONE_OF_BOTH = { error: "give filter or query, and not both" };

const isOneOfBoth = (asked: { filter?: unknown; query?: unknown }) =>
  (asked.filter === undefined) !== (asked.query === undefined);

const Rerun = z.strictObject({
  kind: z.literal("rerun"),
  filter: DeadLetterFilter.optional().describe("{} is all that are open"),
  query: Query.optional(),
  patch: JsonPatch.optional(),
  ratePerSecond: RatePerSecond.default(DEFAULT_RATE).describe(
    "How many reruns a second at the most",
  ),
  canary: z
    .boolean()
    .default(false)
    .describe(
      "First 1, then 10, then the rest, each when the ones before have completed; stops by itself at the first rerun that fails, is cancelled or is refused",
    ),
});

const DismissAll = z.strictObject({
  kind: z.literal("dismiss"),
  filter: DeadLetterFilter.optional().describe("{} is all that are open"),
  query: Query.optional(),
  note: z.string().max(1000).optional().describe("Why they need nothing more"),
});

const CancelAll = z.strictObject({
  kind: z.literal("cancel"),
  query: Query.describe("Open runs that the search of runs finds now"),
  note: z.string().max(1000).optional().describe("Why, for the record of each run"),
});

const MoveAll = QueuePlace.extend({
  kind: z.literal("move"),
  query: Query.describe("Runs that wait, as the search of runs finds them now"),
});

const ReopenAll = z.strictObject({
  kind: z.literal("reopen"),
  operation: z
    .int()
    .min(1)
    .describe(
      "The operation that has dismissed them; what it is still to dismiss stays open, once it is cancelled",
    ),
});

export const CreateOperation = z
  .discriminatedUnion("kind", [
    Rerun.refine(isOneOfBoth, ONE_OF_BOTH),
    DismissAll.refine(isOneOfBoth, ONE_OF_BOTH),
    CancelAll,
    MoveAll.refine(isSomewhere, { error: "give queue or priority" }),
    ReopenAll,
  ])
  .meta({ id: "CreateOperation" });

export type CreateOperation = z.infer<typeof CreateOperation>;

export const OperationPreview = z
  .object({
    matches: z
      .int()
      .describe(
        "Dead letters, or open runs, that it would be about; of a query at least so many, counted for two seconds",
      ),
    samples: z.array(PatchPreview).describe("What a patch makes of the newest three"),
  })
  .meta({ id: "OperationPreview" });

export type OperationPreview = z.infer<typeof OperationPreview>;

const BackfillFilter = z
  .strictObject({ schedule: z.string(), from: Instant, until: Instant })
  .describe("Of a backfill: the range of a schedule");

const ReopenFilter = z
  .strictObject({ operation: z.int() })
  .describe("Of one that opens again: the operation that has dismissed");

const QueryFilter = z
  .strictObject({ query: z.string(), ...QueuePlace.shape })
  .describe("Of an operation by a query; of one that moves, also where to");

export const Operation = z
  .object({
    id: z.int(),
    kind: z.enum(["rerun", "dismiss", "backfill", "cancel", "move", "reopen"]),
    state: z.enum(OPERATION_STATES),
    reason: z
      .string()
      .nullable()
      .describe("Why it was stopped, or what it waits for while it runs"),
    filter: z.union([DeadLetterFilter, BackfillFilter, QueryFilter, ReopenFilter]),
    patch: JsonPatch.nullable(),
    ratePerSecond: z.number().nullable(),
    canary: z.boolean(),
    note: z.string().nullable(),
    createdBy: z.string(),
    createdAt: Instant,
    finishedAt: Instant.nullable(),
    total: z
      .int()
      .describe("Dead letters, occurrences or runs that it is about, fixed when it began"),
    handled: z.int(),
    done: z
      .int()
      .describe("Of these, rerun, dismissed, opened again, cancelled, moved or caught up"),
    skipped: z.int().describe("Of these, handled by somebody else meanwhile"),
    refused: z.int().describe("Of these, not accepted for a run, or to be moved"),
    reruns: z
      .object({ completed: z.int(), failed: z.int(), cancelled: z.int(), open: z.int() })
      .describe("How the reruns ended, as far as is known"),
  })
  .meta({ id: "Operation" });

export type Operation = z.infer<typeof Operation>;

export const ListOperations = z.strictObject({
  state: z.enum(OPERATION_STATES).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
  cursor: z.coerce.number().int().min(1).optional().describe("nextCursor of the page before"),
});

export const OperationPage = z
  .object({
    operations: z.array(Operation).describe("Newest first"),
    nextCursor: z.int().nullable(),
  })
  .meta({ id: "OperationPage" });

export type OperationPage = z.infer<typeof OperationPage>;

const MEMBER_OUTCOMES = ["done", "skipped", "refused"] as const;

export const ListMembers = z.strictObject({
  outcome: z.enum(MEMBER_OUTCOMES).optional(),
  ended: z.enum(["completed", "failed", "cancelled"]).optional().describe("How its rerun ended"),
  after: z.coerce.number().int().min(0).default(0).describe("next of the page before"),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
});

export const OperationMembers = z
  .object({
    members: z.array(
      z.object({
        runId: RunId,
        outcome: z.enum(MEMBER_OUTCOMES).nullable().describe("Null while it waits"),
        at: Instant.nullable(),
        rerun: RunId.nullable(),
        ended: z.enum(["completed", "failed", "cancelled"]).nullable(),
        detail: z.string().nullable().describe("Why it was refused"),
      }),
    ),
    next: z.int().nullable().describe("Pass as after to read on; null at the end"),
  })
  .meta({ id: "OperationMembers" });

export type OperationMembers = z.infer<typeof OperationMembers>;

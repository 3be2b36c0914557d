import { z } from "zod";
import { APPROVING_ROLES } from "../access.ts";
import { STEP_LIMITS } from "../step-limits.ts";
import { Instant, MAX_PAGE, Name, RunId } from "./runs.ts";
import { Ordinal, StepName } from "./step-place.ts";
import { StoredJson } from "./stored-json.ts";

const ApprovalName = StepName.describe("The approval's name");

export const Approval = z
  .object({
    runId: RunId,
    job: z.string(),
    queue: z.string(),
    name: ApprovalName,
    ordinal: Ordinal,
    ask: z.string().describe("The question"),
    details: StoredJson.describe("Whatever helps to decide, any JSON; null for nothing"),
    role: z
      .enum(APPROVING_ROLES)
      .nullable()
      .describe("The least role of a key that may answer; null for any that may operate"),
    since: Instant.describe("Since when it is asked"),
    until: Instant.nullable().describe("When its time is over; null for never"),
  })
  .meta({ id: "Approval" });

export type Approval = z.infer<typeof Approval>;

const Cursor = z
  .string()
  .regex(/^[1-9]\d{0,17}$/, "not a cursor: pass the nextCursor of the page before");

export const ListApprovals = z.strictObject({
  job: Name.optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
  cursor: Cursor.optional().describe("nextCursor of the page before"),
});

export const ApprovalPage = z
  .object({
    approvals: z.array(Approval),
    nextCursor: z.string().nullable().describe("Where to look on; null at the end"),
  })
  .meta({ id: "ApprovalPage" });

export type ApprovalPage = z.infer<typeof ApprovalPage>;

export const AnswerApproval = z
  .strictObject({
    name: ApprovalName.optional().describe("May be left out when the run asks for one"),
    ordinal: Ordinal.optional(),
    approved: z.boolean().describe("Whether it may go on; false: it is rejected"),
    note: z.string().max(STEP_LIMITS.noteLength).optional().describe("Why: the run gets it, too"),
  })
  .meta({ id: "AnswerApproval" });

export type AnswerApproval = z.infer<typeof AnswerApproval>;

export const AnsweredApproval = z
  .object({
    name: ApprovalName,
    ordinal: Ordinal,
    approved: z.boolean(),
    by: z.string().nullable().describe("Who has answered"),
    note: z.string().nullable(),
    at: Instant,
  })
  .meta({ id: "AnsweredApproval" });

export type AnsweredApproval = z.infer<typeof AnsweredApproval>;

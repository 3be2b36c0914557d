import type { Json } from "@millrace/core";
import type { Approval } from "@millrace/core/api";
import type { ApprovalRow } from "../../store/approvals.ts";
import { instant } from "./instant.ts";

/** As `NO_END` in the store: what has no end ends then. */
const NO_END_YEAR = 9999;

export function presentApproval(row: ApprovalRow): Approval {
  return {
    runId: row.run_id,
    job: row.job,
    queue: row.queue,
    name: row.name,
    ordinal: row.ordinal,
    ask: row.ask,
    details: row.details as Json,
    role: row.role,
    since: instant(row.asked_at),
    until: endOf(row.due_at)?.toISOString() ?? null,
  };
}

/** When the time of an approval is over; undefined for never. */
export function endOf(due: Date): Date | undefined {
  return due.getUTCFullYear() === NO_END_YEAR ? undefined : due;
}

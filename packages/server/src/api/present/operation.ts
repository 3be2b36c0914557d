import type { Operation, OperationMembers } from "@millrace/core/api";
import type { MemberRow, OperationRow } from "../../store/operations.ts";
import { instant } from "./instant.ts";

export function presentOperation(row: OperationRow): Operation {
  const { completed, failed, cancelled } = row;
  const reruns = row.kind === "rerun" ? row.done : 0;
  return {
    id: row.id,
    kind: row.kind,
    state: row.state,
    reason: row.reason,
    filter: row.filter,
    patch: row.patch,
    ratePerSecond: row.rate,
    canary: row.canary,
    note: row.note,
    createdBy: row.created_by,
    createdAt: instant(row.created_at),
    finishedAt: instant(row.finished_at),
    total: row.total,
    handled: row.handled,
    done: row.done,
    skipped: row.skipped,
    refused: row.refused,
    reruns: { completed, failed, cancelled, open: reruns - completed - failed - cancelled },
  };
}

export function presentMember(row: MemberRow): OperationMembers["members"][number] {
  return {
    runId: row.run_id,
    outcome: row.outcome,
    at: instant(row.at),
    rerun: row.rerun_id,
    ended: row.ended,
    detail: row.detail,
  };
}

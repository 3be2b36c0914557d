import type { ApprovingRole } from "@millrace/core";
import { type Database, settle } from "millrace";
import { ApprovalLinks, newLinkPart } from "../../packages/server/src/engine/approval-links.ts";
import { askApprovals } from "../../packages/server/src/store/approvals.ts";
import { noteLinks } from "../../packages/server/src/store/links.ts";

/** A run of which a worker, which is a row only, holds the lease. */
export interface HeldRun {
  worker: number;
  leaseId: number;
  runId: string;
}

export interface AskedFor {
  name?: string;
  ask?: string;
  details?: unknown;
  role?: ApprovingRole | null;
  forMs?: number | null;
}

/** Has a run ask for approval, and wait, as an attempt leaves it. @returns the token of a link */
export async function askFor(db: Database, run: HeldRun, ...all: AskedFor[]): Promise<string[]> {
  const { worker, leaseId, runId } = run;
  const tokens: string[] = [];
  for (const { name = "refund", ask = "Refund?", details, role = null, forMs = null } of all) {
    const place = [[leaseId], [runId], [name], [1]] as [number[], string[], string[], number[]];
    const text = details === undefined ? null : JSON.stringify(details);
    await askApprovals(db, worker, ...place, [forMs], [ask], [text], [role]);
    const { part, digest } = newLinkPart();
    const [noted] = await noteLinks(db, worker, ...place, [digest]);
    const until = noted!.due_at!;
    tokens.push(await new ApprovalLinks(db).sign({ runId, name, ordinal: 1, until }, part));
  }
  const due = new Date(Date.UTC(9999, 11, 31));
  await settle(db, worker, [{ leaseId, runId, verdict: "suspend", due }]);
  return tokens;
}

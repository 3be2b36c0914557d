import { type AnswerJson, type AskedRow, readAsked, readPastApproval } from "../store/approvals.ts";
import type { Queryable } from "../store/statement.ts";
import { isOneOf } from "./answer-approval.ts";
import type { OpenedLink } from "./approval-links.ts";

/**
 * How it stands with what a link is for:
 * - open: it may be answered.
 * - answered: somebody has.
 * - expired: its time is over.
 * - ended: its run has, and nobody needs an answer any more.
 * - withdrawn: its run goes on, and does not ask any more.
 * - gone: there is nothing on record of it any more.
 */
export type LinkedApproval =
  | { readonly is: "open"; readonly asked: AskedRow }
  | { readonly is: "answered"; readonly answer: AnswerJson }
  | { readonly is: "expired" }
  | { readonly is: "ended"; readonly state: string }
  | { readonly is: "withdrawn" }
  | { readonly is: "gone" };

/** @returns undefined for a link that may not answer what stands */
export async function linkedApproval(
  db: Queryable,
  { runId, name, ordinal, digest }: OpenedLink,
): Promise<LinkedApproval | undefined> {
  const [asked] = await readAsked(db, runId, name, ordinal);
  if (asked && !isOneOf(asked.links, digest)) return undefined;
  if (asked && asked.answer === null && asked.state === null && !asked.over) {
    return { is: "open", asked };
  }
  const [past] = await readPastApproval(db, runId, name, ordinal);
  const answer = asked?.answer ?? past?.answer;
  if (answer) return { is: "answered", answer };
  if (asked?.over || (past && past.name !== null)) return { is: "expired" };
  const state = asked?.state ?? past?.state;
  if (state) return { is: "ended", state };
  return { is: past ? "withdrawn" : "gone" };
}

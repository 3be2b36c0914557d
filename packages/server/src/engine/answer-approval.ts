import { timingSafeEqual } from "node:crypto";
import { type ApprovingRole, MillraceError, isAtLeast } from "@millrace/core";
import { type Actor, type Caller, requirePermission } from "../security/caller.ts";
import {
  type AnswerJson,
  type LockedApprovalRow,
  answerApproval,
  lockApprovals,
  readPastApproval,
} from "../store/approvals.ts";
import type { Database } from "../store/database.ts";
import { recordEvent } from "../store/events.ts";
import type { Queryable } from "../store/statement.ts";
import { wakeWaiting } from "../store/timers.ts";
import { asActor } from "./as-caller.ts";
import { requireWithin } from "./scope.ts";

/** What a person says to an approval. */
export interface ApprovalAnswer {
  runId: string;
  /** Of the approval; absent for the only one of the run that is open. */
  name: string | undefined;
  ordinal: number | undefined;
  approved: boolean;
  note: string | null;
}

/** Who answers: by a key, or by a link, which lets in whoever has it. */
export type Answerer =
  | { readonly via: "api"; readonly caller: Caller }
  | {
      readonly via: "link";
      /** What they call themselves: nobody knows whether it is true. */
      readonly by: string | null;
      /** May answer only what the link is for: the digest of its secret part. */
      readonly digest: Buffer;
      /** From where, and in which request. */
      readonly address?: string | undefined;
      readonly requestId?: string | undefined;
    };

export interface Answered {
  name: string;
  ordinal: number;
  answer: AnswerJson;
  /** The queues that got the run back. */
  queues: string[];
}

/**
 * Records what was said to an approval, and wakes its run. One answer counts, the first.
 *
 * @throws MillraceError `run_not_found`, `run_finished`, `forbidden`, `approval_not_found`, `approval_answered`, `approval_expired`, `invalid_request` when
 *   it is not said which
 */
export async function answerTo(
  db: Database,
  who: Answerer,
  given: ApprovalAnswer,
): Promise<Answered> {
  const { via } = who;
  if (via === "api") requirePermission(who.caller, "operate");
  const { runId, approved, note } = given;
  const actor = actorOf(who);
  return asActor(db, actor, async (tx, tell) => {
    if (via === "api") await requireWithin(tx, who.caller, { run: runId });
    // All waits of the run: so a suspension at this moment has seen none of this, and is seen below, or has seen it all.
    const waits = await lockApprovals(tx, runId);
    const digest = via === "link" ? who.digest : undefined;
    const { name, ordinal, role: least } = await chosen(tx, waits, given, digest);
    if (least && !(actor.role && isAtLeast(actor.role, least)))
      throw notForThem(runId, name, least);
    const by = via === "link" ? who.by : actor.name;
    const [row] = await answerApproval(tx, runId, name, ordinal, approved, by, via, note);
    const said = { ...(via === "link" && by !== null && { by }), ...(note !== null && { note }) };
    const detail = JSON.stringify({ name, ordinal, approved, ...said });
    await recordEvent(tx, runId, "approval answered", actor.name, detail);
    // By another statement: a run that was suspended while the first waited for its locks is seen by this one only.
    const woken = await wakeWaiting(tx, [runId]);
    tell("approval.answered", `run:${runId}`, {
      after: { name, ordinal, approved, by, via, note },
    });
    return { name, ordinal, answer: row!.answer, queues: woken.map(({ queue }) => queue) };
  });
}

/** What somebody behind a link has called himself is no actor that can be relied on. */
function actorOf(who: Answerer): Actor {
  if (who.via === "api") return who.caller;
  return { name: "link", role: null, address: who.address, requestId: who.requestId };
}

async function chosen(
  tx: Queryable,
  waits: readonly LockedApprovalRow[],
  { runId, name, ordinal }: ApprovalAnswer,
  digest: Buffer | undefined,
): Promise<LockedApprovalRow> {
  const meant = waits.filter(
    (wait) =>
      wait.asked &&
      (name === undefined || wait.name === name) &&
      (ordinal === undefined || wait.ordinal === ordinal) &&
      (digest === undefined || isOneOf(wait.links, digest)),
  );
  const open = meant.filter(({ answer, over }) => answer === null && !over);
  if (open.length > 1) {
    const names = open.map((wait) => `${wait.name} (${wait.ordinal})`).join(", ");
    throw new MillraceError(
      "invalid_request",
      `run ${runId} asks for ${open.length} approvals that this may be about: ${names}; say which by name and ordinal`,
    );
  }
  const [run] = await readPastApproval(tx, runId, name ?? null, ordinal ?? null);
  if (!run) throw new MillraceError("run_not_found", `there is no run ${runId}`);
  // Whoever has answered is told so first, also when the run has gone on and ended since.
  if (open[0] && run.state === null) return open[0];
  const past = meant[0] ?? (run.name === null ? undefined : run);
  throw notOpen(runId, past, run.state, name);
}

function notForThem(runId: string, name: string, least: ApprovingRole): MillraceError {
  return new MillraceError(
    "forbidden",
    `run ${runId}: approval ${JSON.stringify(name)} takes the answer of a key whose role is ${least} at the least; millrace approve ${runId}, or millrace reject`,
  );
}

/** Why an approval takes no answer. @param past the one that was meant, if there was one @param said the name that was given */
function notOpen(
  runId: string,
  past: { name: string | null; answer: AnswerJson | null } | undefined,
  state: string | null,
  said: string | undefined,
): MillraceError {
  const what = `run ${runId}: approval ${JSON.stringify(past?.name ?? said)}`;
  if (past?.answer) {
    return new MillraceError("approval_answered", `${what} was ${answerInWords(past.answer)}`);
  }
  if (state !== null) {
    return new MillraceError("run_finished", `run ${runId} is ${state} already`);
  }
  if (past) {
    return new MillraceError(
      "approval_expired",
      `${what} is not to be had any more: its time is over, and the run goes on without an answer`,
    );
  }
  const none =
    said === undefined
      ? `run ${runId} asks for none that this may be about`
      : `${what} is not asked for`;
  return new MillraceError("approval_not_found", `${none}; millrace approvals lists what is`);
}

/** Such as `approved by api at 2026-11-24T09:00:00.000Z`. */
function answerInWords({ approved, by, via, at }: AnswerJson): string {
  const who = by === null ? "" : ` by ${by}`;
  return `${approved ? "approved" : "rejected"} already${who}${via === "link" ? ", by a link," : ""} at ${at}`;
}

/** Takes the same time for each that it is not. */
export function isOneOf(digests: readonly Buffer[] | null, digest: Buffer): boolean {
  let found = false;
  for (const each of digests ?? []) {
    if (each.length === digest.length && timingSafeEqual(each, digest)) found = true;
  }
  return found;
}

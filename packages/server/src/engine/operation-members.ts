import { MillraceError } from "@millrace/core";
import { readSealedInput } from "../security/sealed-content.ts";
import { inSavepoint, isUnavailable } from "../store/database.ts";
import {
  handleDeadLetters,
  lockOpenDeadLetters,
  reopenDeadLetters,
} from "../store/dead-letters.ts";
import { type OperationRow, membersWithin } from "../store/operations.ts";
import { type RerunRow, readManyForRerun } from "../store/runs.ts";
import type { Queryable } from "../store/statement.ts";
import type { EnqueueRequest, EnqueuedRun } from "./enqueue.ts";
import type { InputCheck } from "./intake.ts";
import { cancelInside } from "./cancel-inside.ts";
import { moveInside } from "./move-inside.ts";
import { patchedInput } from "./patched-input.ts";
import { enqueueAgain, rerunRequest } from "./rerun-inside.ts";

export interface MemberOutcome {
  outcome: "done" | "skipped" | "refused";
  rerun?: string;
  detail?: string;
}

export interface Handled {
  /** One for each member, in order. */
  outcomes: MemberOutcome[];
  queues: Set<string>;
}

type Member = { run_id: string };

/** Dismisses those that nobody has handled meanwhile. */
export async function dismissMembers(
  tx: Queryable,
  operation: OperationRow,
  members: readonly Member[],
): Promise<Handled> {
  const { id, note, created_by } = operation;
  const open = await lockOpen(tx, operation, members);
  const runs = [...open];
  const detail = JSON.stringify({ operation: id, note: note ?? undefined });
  const nothing = runs.map(() => null);
  const details = runs.map(() => detail);
  await handleDeadLetters(tx, id, created_by, "dismissed", note, runs, nothing, details);
  return {
    outcomes: members.map(({ run_id }) => ({ outcome: open.has(run_id) ? "done" : "skipped" })),
    queues: new Set(),
  };
}

/** Opens those again that the other operation has dismissed, and that nobody has opened meanwhile. */
export async function reopenMembers(
  tx: Queryable,
  { id, created_by, projects, filter }: OperationRow,
  members: readonly Member[],
): Promise<Handled> {
  const { operation } = filter as { operation: number };
  const runs = members.map(({ run_id }) => run_id);
  const detail = JSON.stringify({ operation: id });
  const rows = await reopenDeadLetters(tx, runs, operation, created_by, detail, projects);
  const reopened = new Set(rows.map(({ run_id }) => run_id));
  return {
    outcomes: runs.map((run) => ({ outcome: reopened.has(run) ? "done" : "skipped" })),
    queues: new Set(),
  };
}

/** Cancels those that have not ended meanwhile, and are of the operation's projects still. */
export async function cancelMembers(
  tx: Queryable,
  { note, created_by, projects }: OperationRow,
  members: readonly Member[],
): Promise<Handled> {
  const ids = members.map(({ run_id }) => run_id);
  const theirs = new Set((await membersWithin(tx, ids, projects)).map(({ id }) => id));
  const outcomes: MemberOutcome[] = [];
  for (const runId of ids) {
    const mine = theirs.has(runId);
    outcomes.push(mine ? await cancelMember(tx, created_by, runId, note) : { outcome: "skipped" });
  }
  return { outcomes, queues: new Set() };
}

async function cancelMember(
  tx: Queryable,
  by: string,
  runId: string,
  reason: string | null,
): Promise<MemberOutcome> {
  try {
    await cancelInside(tx, by, { runId, reason });
    return { outcome: "done" };
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    const over = ["run_finished", "run_not_found"].includes(error.code);
    return over ? { outcome: "skipped" } : refused(error);
  }
}

/** Moves those that wait still, and are of the operation's projects still. */
export async function moveMembers(
  tx: Queryable,
  { created_by, projects, filter }: OperationRow,
  members: readonly Member[],
): Promise<Handled> {
  const { queue, priority } = filter as { queue?: string; priority?: number };
  const ids = members.map(({ run_id }) => run_id);
  const theirs = new Set((await membersWithin(tx, ids, projects)).map(({ id }) => id));
  const outcomes: MemberOutcome[] = [];
  const queues = new Set<string>();
  for (const runId of ids) {
    if (!theirs.has(runId)) {
      outcomes.push({ outcome: "skipped" });
      continue;
    }
    try {
      const made = await moveInside(tx, created_by, { runId, queue, priority });
      if (made.ready) queues.add(made.queue);
      outcomes.push({ outcome: "done" });
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      outcomes.push(SETTLED.has(error.code) ? { outcome: "skipped" } : refused(error));
    }
  }
  return { outcomes, queues };
}

/** Of runs that do not wait any more. */
const SETTLED: ReadonlySet<string> = new Set(["run_not_waiting", "run_finished", "run_not_found"]);

/** Reruns those that nobody has handled meanwhile. One that cannot be rerun stays open, and does not hold up the others. */
export async function rerunMembers(
  tx: Queryable,
  intake: InputCheck,
  operation: OperationRow,
  members: readonly Member[],
): Promise<Handled> {
  const open = await lockOpen(tx, operation, members);
  const old = new Map((await readManyForRerun(tx, [...open])).map((row) => [row.id, row]));
  const outcomes = new Map<string, MemberOutcome>();
  const requests: EnqueueRequest[] = [];
  for (const { run_id } of members) {
    if (!open.has(run_id)) {
      outcomes.set(run_id, { outcome: "skipped" });
      continue;
    }
    const request = await requestFor(intake, operation, old.get(run_id));
    if (request instanceof Error) outcomes.set(run_id, refused(request));
    else requests.push(request);
  }
  const made = await enqueueApart(tx, requests, old);
  const runs: string[] = [];
  const reruns: string[] = [];
  const queues = new Set<string>();
  requests.forEach(({ rerunOf }, index) => {
    const run = made[index]!;
    if (run instanceof Error) return outcomes.set(rerunOf!, refused(run));
    runs.push(rerunOf!);
    reruns.push(run.id);
    queues.add(run.queue);
    return outcomes.set(rerunOf!, { outcome: "done", rerun: run.id });
  });
  const { id, created_by, patch } = operation;
  const details = reruns.map((run) =>
    JSON.stringify({ run, operation: id, patch: patch ?? undefined }),
  );
  await handleDeadLetters(tx, id, created_by, "rerun", null, runs, reruns, details);
  return { outcomes: members.map(({ run_id }) => outcomes.get(run_id)!), queues };
}

/** Whose job has come to another project since the operation began is not among them. */
async function lockOpen(
  tx: Queryable,
  { projects }: OperationRow,
  members: readonly Member[],
): Promise<Set<string>> {
  const rows = await lockOpenDeadLetters(
    tx,
    members.map(({ run_id }) => run_id),
    projects,
  );
  return new Set(rows.map(({ run_id }) => run_id));
}

async function requestFor(
  intake: InputCheck,
  { patch }: OperationRow,
  old: RerunRow | undefined,
): Promise<EnqueueRequest | MillraceError> {
  if (!old) return new MillraceError("run_not_found", "the run is gone, and its input with it");
  if (!patch) return rerunRequest(old);
  if (readSealedInput(old.input)) {
    return new MillraceError(
      "subject_not_encrypted",
      "what the run is about is encrypted, and the patch of an operation is kept in clear; rerun it by itself with the patch",
    );
  }
  try {
    return rerunRequest(old, (await patchedInput(intake, old, patch)).text);
  } catch (error) {
    if (error instanceof MillraceError && error.code !== "database_unavailable") return error;
    throw error;
  }
}

/** All at once; where one is refused, one after the other. */
async function enqueueApart(
  tx: Queryable,
  requests: readonly EnqueueRequest[],
  old: ReadonlyMap<string, RerunRow>,
): Promise<(EnqueuedRun | Error)[]> {
  if (requests.length === 0) return [];
  const olds = requests.map(({ rerunOf }) => old.get(rerunOf!)!);
  try {
    return await inSavepoint(tx, () => enqueueAgain(tx, requests, olds));
  } catch (error) {
    if (isAway(error)) throw error;
    if (requests.length === 1) return [error as Error];
  }
  const made: (EnqueuedRun | Error)[] = [];
  for (const request of requests) made.push(...(await enqueueApart(tx, [request], old)));
  return made;
}

function isAway(error: unknown): boolean {
  return error instanceof MillraceError
    ? error.code === "database_unavailable"
    : isUnavailable(error) || !(error instanceof Error);
}

function refused(error: Error): MemberOutcome {
  return { outcome: "refused", detail: error.message.slice(0, 1000) };
}

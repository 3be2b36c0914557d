import { MillraceError } from "@millrace/core";
import { looksSealed } from "../security/sealed-content.ts";
import { type Database, inTransaction } from "../store/database.ts";
import {
  firstTrouble,
  moveOperation,
  nextMembers,
  nextOperation,
  noteEnds,
  type OperationRow,
  recordMembers,
  saveProgress,
  takeOperation,
} from "../store/operations.ts";
import type { Queryable } from "../store/statement.ts";
import type { InputCheck } from "./intake.ts";
import {
  cancelMembers,
  dismissMembers,
  moveMembers,
  reopenMembers,
  rerunMembers,
} from "./operation-members.ts";

/** Members handled in one transaction: reruns carry inputs. */
const MAX_RERUNS = 50;
const MAX_DISMISSALS = 500;
/** Each locks a run, and what it stands in. */
const MAX_CANCELS = 20;

/** A batch is so much time's worth of the rate. */
const BATCH_MS = 250;

/** Reruns of which one turn looks how they ended. */
const LOOK_AT = 500;

/** While there is nothing to do but to wait for reruns. */
const WATCH_EVERY_MS = 500;

/** How many reruns a canary makes before it goes on to the next stage; the last has no end. */
const STAGE_ENDS = [1, 11];

/** Members that one part of an operation has handled. */
export interface Handled {
  kind: OperationRow["kind"];
  done: number;
  /** Somebody else had handled them. */
  skipped: number;
  /** Their reruns were not accepted. */
  refused: number;
}

export interface Advanced {
  /** The queues that got runs. */
  queues: ReadonlySet<string>;
  /** Undefined when the part was to watch, or to end the operation. */
  handled: Handled | undefined;
  /** Whether there was anything to do. */
  worked: boolean;
  /** Milliseconds until an operation is due, null when none runs. */
  nextInMs: number | null;
}

/**
 * Does the next part of the operation that has been due for longest, in one transaction: notes how its reruns ended,
 * decides whether it goes on, handles some members, and writes down how far it got. A process that dies in the middle has
 * done nothing; any number of processes may call this at once.
 */
export async function advanceOperation(db: Database, intake: InputCheck): Promise<Advanced> {
  const part = await inTransaction(db, async (tx) => {
    const [operation] = await takeOperation(tx);
    return operation && (await advance(tx, intake, operation));
  });
  if (part) return { ...part, worked: true, nextInMs: 0 };
  const [next] = await nextOperation(db);
  return { ...NOTHING_HANDLED, worked: false, nextInMs: next?.in_ms ?? null };
}

type Part = Pick<Advanced, "queues" | "handled">;

const NOTHING_HANDLED: Part = { queues: new Set(), handled: undefined };

async function advance(tx: Queryable, intake: InputCheck, operation: OperationRow): Promise<Part> {
  const now = await watch(tx, operation);
  if (now.canary && now.failed + now.cancelled + now.refused > 0) {
    await save(tx, now, null, 0);
    await moveOperation(tx, now.id, ["running"], "stopped", await troubleOf(tx, now.id));
    return NOTHING_HANDLED;
  }
  const open = now.done - now.completed - now.failed - now.cancelled;
  if (now.canary && now.stage < STAGE_ENDS.length && now.done >= STAGE_ENDS[now.stage]!) {
    if (open > 0) return rest(tx, now, waitsFor(open));
    now.stage++;
  }
  const size = batchSize(now);
  const members = await nextMembers(tx, now.id, now.handled, size);
  if (members.length === 0) {
    if (now.kind === "rerun" && open > 0) return rest(tx, now, waitsFor(open));
    await save(tx, now, null, 0);
    await moveOperation(tx, now.id, ["running"], "completed", null);
    return NOTHING_HANDLED;
  }
  const { outcomes, queues } = await handle(tx, intake, now, members);
  await recordMembers(
    tx,
    now.id,
    members.map(({ place }) => place),
    outcomes.map(({ outcome }) => outcome),
    outcomes.map(({ rerun }) => rerun ?? null),
    outcomes.map(({ detail }) => detail ?? null),
  );
  const handled: Handled = { kind: now.kind, done: 0, skipped: 0, refused: 0 };
  for (const { outcome } of outcomes) handled[outcome]++;
  now.handled = members.at(-1)!.place;
  now.done += handled.done;
  now.skipped += handled.skipped;
  now.refused += handled.refused;
  await save(tx, now, null, now.rate === null ? 0 : (handled.done / now.rate) * 1000);
  return { queues, handled };
}

function handle(
  tx: Queryable,
  intake: InputCheck,
  now: OperationRow,
  members: readonly { run_id: string }[],
): ReturnType<typeof rerunMembers> {
  if (now.kind === "rerun") return rerunMembers(tx, intake, now, members);
  if (now.kind === "move") return moveMembers(tx, now, members);
  if (now.kind === "reopen") return reopenMembers(tx, now, members);
  return now.kind === "cancel" ? cancelMembers(tx, now, members) : dismissMembers(tx, now, members);
}

/** @returns the operation with what is known now of its reruns */
async function watch(tx: Queryable, operation: OperationRow): Promise<OperationRow> {
  if (operation.kind !== "rerun") return { ...operation };
  const [seen] = await noteEnds(tx, operation.id, operation.watched, LOOK_AT);
  return {
    ...operation,
    completed: operation.completed + seen!.completed,
    failed: operation.failed + seen!.failed,
    cancelled: operation.cancelled + seen!.cancelled,
    // From the beginning again after the last.
    watched: seen!.looked === LOOK_AT ? seen!.last! : 0,
  };
}

function batchSize({ kind, rate, canary, stage, done }: OperationRow): number {
  if (kind === "dismiss" || kind === "reopen") return MAX_DISMISSALS;
  if (kind === "cancel" || kind === "move") return MAX_CANCELS;
  const paced = rate === null ? MAX_RERUNS : Math.ceil((rate * BATCH_MS) / 1000);
  const end = canary ? (STAGE_ENDS[stage] ?? Infinity) : Infinity;
  return Math.max(1, Math.min(MAX_RERUNS, paced, end - done));
}

async function rest(tx: Queryable, now: OperationRow, why: string): Promise<Part> {
  // Not from when it was due: what was missed by watching late need not be caught up.
  await save(tx, now, why, WATCH_EVERY_MS);
  return NOTHING_HANDLED;
}

function save(
  tx: Queryable,
  now: OperationRow,
  reason: string | null,
  restMs: number,
): Promise<never[]> {
  const { id, stage, watched, handled, done, skipped, refused, completed, failed, cancelled } = now;
  return saveProgress(
    tx,
    id,
    stage,
    watched,
    handled,
    done,
    skipped,
    refused,
    completed,
    failed,
    cancelled,
    reason,
    restMs,
  );
}

function waitsFor(open: number): string {
  return `waiting for the outcome of ${open} rerun${open === 1 ? "" : "s"}`;
}

async function troubleOf(tx: Queryable, id: number): Promise<string> {
  const [trouble] = await firstTrouble(tx, id);
  if (!trouble) throw new MillraceError("internal", `operation ${id} has no trouble to tell of`);
  const { run_id, outcome, detail, rerun_id, ended, error_class, error_message, same } = trouble;
  if (outcome === "refused") return `the rerun of ${run_id} was refused: ${detail}`;
  if (ended === "cancelled") return `rerun ${rerun_id} of ${run_id} was cancelled`;
  const said = error_message && looksSealed(error_message) ? "[sealed]" : error_message;
  const error = `${error_class}: ${said}`.slice(0, 500);
  return `rerun ${rerun_id} of ${run_id} failed with ${same ? "the same" : "another"} error: ${error}`;
}

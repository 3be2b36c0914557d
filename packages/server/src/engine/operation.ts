import { type Json, MillraceError, type Projects } from "@millrace/core";
import { type CreateOperation, type DeadLetterFilter, MAX_MEMBERS } from "@millrace/core/api";
import type { Caller } from "../security/caller.ts";
import { type Database, type Transaction, bounded } from "../store/database.ts";
import { countDeadLetters, listDeadLetters } from "../store/dead-letters.ts";
import {
  countDismissed,
  createOperation,
  fixDismissed,
  fixMembers,
  fixRuns,
  moveOperation,
  type OperationRow,
  rateOperation,
  readOperation,
} from "../store/operations.ts";
import type { Queryable } from "../store/statement.ts";
import { asCaller } from "./as-caller.ts";
import { filterParams } from "./dead-letter-filter.ts";
import { type AskedOfRuns, countFound, findRuns, pickAll } from "./search/look-through.ts";
import type { InputCheck } from "./intake.ts";
import { type Preview, previewPatch } from "./patched-input.ts";

/**
 * Begins an operation over the dead letters that match now. When this returns, it is durable, and goes on without whoever
 * asked for it.
 *
 * @returns its id
 * @throws MillraceError `forbidden`; `dead_letter_not_found` when none matches; `invalid_request` when too many do
 */
export function beginOperation(
  db: Database | Transaction,
  caller: Caller,
  asked: CreateOperation,
): Promise<number> {
  return asCaller(db, caller, "operate", "own", async (tx, tell) => {
    const rerun = asked.kind === "rerun" ? asked : undefined;
    const [row] = await createOperation(
      tx,
      asked.kind,
      JSON.stringify(chosenBy(asked)),
      rerun?.patch ? JSON.stringify(rerun.patch) : null,
      rerun?.ratePerSecond ?? null,
      rerun?.canary ?? false,
      noteOf(asked),
      caller.name,
      caller.projects,
    );
    const id = row!.id;
    const [fixed] = await fix(tx, id, asked, caller);
    if (!fixed || fixed.total === 0) throw noneMatches(asked);
    if (fixed.total > MAX_MEMBERS) {
      throw new MillraceError(
        "invalid_request",
        `more than ${MAX_MEMBERS} ${isOfRuns(asked) ? "runs" : "dead letters"} match; narrow what you ask for, for example by time, and begin several operations`,
        { pointer: pointerOf(asked) },
      );
    }
    tell("operation.begun", `operation:${id}`, { after: toldOf(asked, fixed.total) });
    return id;
  });
}

/** By what it is chosen what it is about. */
function chosenBy(asked: CreateOperation): object {
  if (asked.kind === "reopen") return { operation: asked.operation };
  if (asked.kind === "move") {
    const { query, queue, priority } = asked;
    return { query, queue, priority };
  }
  return asked.query === undefined ? filterOf(asked) : { query: asked.query };
}

function noteOf(asked: CreateOperation): string | null {
  return "note" in asked ? (asked.note ?? null) : null;
}

/** A patch has in it what runs work on, so only that there is one is told. */
function toldOf(asked: CreateOperation, total: number): Json {
  if (asked.kind === "reopen") return { kind: asked.kind, operation: asked.operation, total };
  if (asked.kind === "move") {
    const { kind, queue, priority } = asked;
    return { kind, byQuery: true, total, queue: queue ?? null, priority: priority ?? null };
  }
  const filter = filterOf(asked) as Record<string, string>;
  // Nor a query, which may ask for it.
  const chosen = asked.query === undefined ? { filter } : { byQuery: true };
  if (asked.kind !== "rerun") {
    return { kind: asked.kind, ...chosen, total, note: asked.note ?? null };
  }
  const { kind, ratePerSecond: rate, canary, patch } = asked;
  return { kind, ...chosen, total, rate, canary, patched: patch !== undefined };
}

/** Fixes what it is about. */
async function fix(
  tx: Queryable,
  id: number,
  asked: CreateOperation,
  { projects }: Caller,
): Promise<{ total: number }[]> {
  if (asked.kind === "reopen") return fixDismissed(tx, id, asked.operation, projects);
  if (asked.query === undefined) {
    return fixMembers(tx, id, MAX_MEMBERS + 1, ...filterParams(filterOf(asked), projects));
  }
  return fixRuns(tx, id, await pickAll(tx, searchOf(asked, projects), MAX_MEMBERS + 1));
}

function searchOf({ kind, query = "" }: Chosen, projects: Projects): AskedOfRuns {
  const only = isOfRuns({ kind }) ? "open" : "dead";
  return { query, projects, only, now: new Date() };
}

/** One that is about what a filter or a query finds. */
type Chosen = Exclude<CreateOperation, { kind: "reopen" }>;

/** Whether it is about open runs, and not about dead letters. */
function isOfRuns({ kind }: Pick<CreateOperation, "kind">): boolean {
  return kind === "cancel" || kind === "move";
}

function filterOf(asked: Chosen): DeadLetterFilter {
  return "filter" in asked ? (asked.filter ?? {}) : {};
}

function pointerOf(asked: CreateOperation): string {
  if (asked.kind === "reopen") return "/operation";
  return asked.query === undefined ? "/filter" : "/query";
}

/** How many dead letters an operation would be about, and what its patch would make of the newest three. */
export async function previewOperation(
  db: Database,
  intake: InputCheck,
  projects: Projects,
  asked: CreateOperation,
): Promise<{ matches: number; samples: Preview[] }> {
  const matches = await countMatches(db, projects, asked);
  if (asked.kind !== "rerun" || !asked.patch || matches === 0) return { matches, samples: [] };
  const { patch } = asked;
  const samples: Preview[] = [];
  for (const runId of await newest(db, asked, projects)) {
    samples.push(await previewPatch(db, intake, runId, patch));
  }
  return { matches, samples };
}

async function countMatches(
  db: Database,
  projects: Projects,
  asked: CreateOperation,
): Promise<number> {
  if (asked.kind === "reopen") {
    const [row] = await bounded(db, (tx) => countDismissed(tx, asked.operation, projects));
    return row?.count ?? 0;
  }
  if (asked.query !== undefined) {
    return (await countFound(db, searchOf(asked, projects), MAX_MEMBERS)).count;
  }
  const params = filterParams(filterOf(asked), projects);
  const [row] = await bounded(db, (tx) => countDeadLetters(tx, ...params));
  return row?.count ?? 0;
}

async function newest(db: Database, asked: Chosen, projects: Projects): Promise<string[]> {
  if (asked.query !== undefined) {
    return (await findRuns(db, searchOf(asked, projects), 3)).rows.map(({ id }) => id);
  }
  const all = 2 ** 31 - 1;
  const params = filterParams(filterOf(asked), projects);
  const rows = await listDeadLetters(db, LARGEST_ID, all, 3, ...params);
  return rows.map((row) => row.run_id).filter(Boolean);
}

const LARGEST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** What may be asked of an operation, and where it leads from which states. */
const MOVES = {
  pause: { from: ["running"], to: "paused" },
  resume: { from: ["paused"], to: "running" },
  cancel: { from: ["running", "paused"], to: "cancelled" },
} as const satisfies Record<string, { from: OperationRow["state"][]; to: OperationRow["state"] }>;

const VERBS = { pause: "paused", resume: "resumed", cancel: "cancelled" } as const;

/**
 * Pauses, resumes or cancels an operation; what it has done stays done. Pausing one that is paused, or resuming one that
 * runs, changes nothing.
 *
 * @throws MillraceError `forbidden`, `operation_not_found`, `operation_ended`
 */
export function steerOperation(
  db: Database,
  caller: Caller,
  id: number,
  verb: keyof typeof MOVES,
): Promise<void> {
  return asCaller(db, caller, "operate", { operation: id }, async (tx, tell) => {
    const { from, to } = MOVES[verb];
    const [moved] = await moveOperation(tx, id, [...from], to, null);
    const told = { after: { state: to } };
    if (moved) return tell(`operation.${VERBS[verb]}`, `operation:${id}`, told);
    const operation = await requireOperation(tx, id);
    if (operation.state === to) return;
    throw ended(operation);
  });
}

/**
 * Changes how many an operation handles a second, from now on.
 *
 * @throws MillraceError `forbidden`, `operation_not_found`, `operation_ended`; `invalid_request` for one of a kind that has no rate
 */
export function changeRate(
  db: Database,
  caller: Caller,
  id: number,
  ratePerSecond: number,
): Promise<void> {
  return asCaller(db, caller, "operate", { operation: id }, async (tx, tell) => {
    const before = await requireOperation(tx, id);
    const [changed] = await rateOperation(tx, id, ratePerSecond);
    if (changed) {
      return tell("operation.rate_changed", `operation:${id}`, {
        before: { ratePerSecond: before.rate },
        after: { ratePerSecond },
      });
    }
    if (before.rate !== null) throw ended(before);
    throw new MillraceError(
      "invalid_request",
      `/ratePerSecond: operation ${id} is of the kind ${before.kind}, which goes as fast as it can`,
      { pointer: "/ratePerSecond" },
    );
  });
}

function ended({ id, state }: OperationRow): MillraceError {
  return new MillraceError(
    "operation_ended",
    `operation ${id} is ${state} already; begin another for what is still open`,
  );
}

/** @throws MillraceError `operation_not_found` */
export async function requireOperation(db: Queryable, id: number): Promise<OperationRow> {
  const [row] = await readOperation(db, id);
  if (row) return row;
  throw new MillraceError("operation_not_found", `there is no operation ${id}`);
}

function noneMatches(asked: CreateOperation): MillraceError {
  const pointer = pointerOf(asked);
  if (isOfRuns(asked)) {
    return new MillraceError("run_not_found", "no run that has not ended matches the query", {
      pointer,
    });
  }
  if (asked.kind === "reopen") {
    return new MillraceError(
      "dead_letter_not_found",
      `no dead letter is dismissed by operation ${asked.operation}`,
      { pointer },
    );
  }
  return new MillraceError(
    "dead_letter_not_found",
    `no dead letter that nobody has handled matches the ${pointer.slice(1)}`,
    { pointer },
  );
}

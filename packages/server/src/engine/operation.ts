import { type Json, MillraceError, type Projects } from "@millrace/core";
import { type CreateOperation, type DeadLetterFilter, MAX_MEMBERS } from "@millrace/core/api";
import type { Caller } from "../security/caller.ts";
import { type Database, type Transaction, bounded } from "../store/database.ts";
import { countDeadLetters, listDeadLetters } from "../store/dead-letters.ts";
import {
  createOperation,
  fixMembers,
  moveOperation,
  type OperationRow,
  readOperation,
} from "../store/operations.ts";
import type { Queryable } from "../store/statement.ts";
import { asCaller } from "./as-caller.ts";
import { filterParams } from "./dead-letter-filter.ts";
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
      JSON.stringify(asked.filter),
      rerun?.patch ? JSON.stringify(rerun.patch) : null,
      rerun?.ratePerSecond ?? null,
      rerun?.canary ?? false,
      asked.kind === "dismiss" ? (asked.note ?? null) : null,
      caller.name,
      caller.projects,
    );
    const id = row!.id;
    const [fixed] = await fixMembers(
      tx,
      id,
      MAX_MEMBERS + 1,
      ...filterParams(asked.filter, caller.projects),
    );
    if (!fixed || fixed.total === 0) throw noneMatches();
    if (fixed.total > MAX_MEMBERS) {
      throw new MillraceError(
        "invalid_request",
        `more than ${MAX_MEMBERS} dead letters match; narrow the filter, for example by until, and begin several operations`,
        { pointer: "/filter" },
      );
    }
    tell("operation.begun", `operation:${id}`, { after: toldOf(asked, fixed.total) });
    return id;
  });
}

/** A patch has in it what runs work on, so only that there is one is told. */
function toldOf(asked: CreateOperation, total: number): Json {
  const filter = asked.filter as Record<string, string>;
  if (asked.kind === "dismiss") return { kind: "dismiss", filter, total, note: asked.note ?? null };
  const { kind, ratePerSecond: rate, canary, patch } = asked;
  return { kind, filter, total, rate, canary, patched: patch !== undefined };
}

/** How many dead letters an operation would be about, and what its patch would make of the newest three. */
export async function previewOperation(
  db: Database,
  intake: InputCheck,
  projects: Projects,
  asked: CreateOperation,
): Promise<{ matches: number; samples: Preview[] }> {
  const [row] = await bounded(db, (tx) =>
    countDeadLetters(tx, ...filterParams(asked.filter, projects)),
  );
  const matches = row?.count ?? 0;
  const patch = asked.kind === "rerun" ? asked.patch : undefined;
  if (!patch || matches === 0) return { matches, samples: [] };
  const samples: Preview[] = [];
  for (const runId of await newest(db, asked.filter, projects)) {
    samples.push(await previewPatch(db, intake, runId, patch));
  }
  return { matches, samples };
}

async function newest(
  db: Queryable,
  filter: DeadLetterFilter,
  projects: Projects,
): Promise<string[]> {
  const all = 2 ** 31 - 1;
  const rows = await listDeadLetters(db, LARGEST_ID, all, 3, ...filterParams(filter, projects));
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
    throw new MillraceError(
      "operation_ended",
      `operation ${id} is ${operation.state} already; begin another for what is still open`,
    );
  });
}

/** @throws MillraceError `operation_not_found` */
export async function requireOperation(db: Queryable, id: number): Promise<OperationRow> {
  const [row] = await readOperation(db, id);
  if (row) return row;
  throw new MillraceError("operation_not_found", `there is no operation ${id}`);
}

function noneMatches(): MillraceError {
  return new MillraceError(
    "dead_letter_not_found",
    "no dead letter that nobody has handled matches the filter",
    { pointer: "/filter" },
  );
}

import { MillraceError } from "@millrace/core";
import type { Caller } from "../security/caller.ts";
import type { Database, Transaction } from "../store/database.ts";
import { handleDeadLetter, lockDeadLetter } from "../store/dead-letters.ts";
import { recordEvent } from "../store/events.ts";
import type { Queryable } from "../store/statement.ts";
import { asCaller } from "./as-caller.ts";
import type { EnqueuedRun } from "./enqueue.ts";
import { type Rerun, rerunInside } from "./rerun-inside.ts";

/**
 * Says that a failed run needs nothing more.
 *
 * @throws MillraceError `forbidden`, `dead_letter_not_found`, `dead_letter_handled`
 */
export function dismiss(
  db: Database,
  caller: Caller,
  runId: string,
  note: string | null,
): Promise<void> {
  return asCaller(db, caller, "operate", { deadLetter: runId }, async (tx, tell) => {
    await requireOpen(tx, runId);
    await handleDeadLetter(tx, runId, caller.name, "dismissed", note, null);
    const detail = note === null ? null : JSON.stringify({ note });
    await recordEvent(tx, runId, "dismissed", caller.name, detail);
    tell("dead_letter.dismissed", `run:${runId}`, { after: { note } });
  });
}

/**
 * Reruns a dead letter, once: of two people who try at the same time, one is told that it has been handled.
 *
 * @throws MillraceError `forbidden`, `dead_letter_not_found`, `dead_letter_handled`, `unknown_job`
 */
export function rerunDeadLetter(
  db: Database | Transaction,
  caller: Caller,
  request: Rerun,
): Promise<EnqueuedRun> {
  return asCaller(db, caller, "operate", { deadLetter: request.runId }, async (tx, tell) => {
    const { runId, patched } = request;
    await requireOpen(tx, runId);
    const made = await rerunInside(tx, caller.name, request);
    const told = { run: made.id, patched: patched !== undefined };
    tell("dead_letter.rerun", `run:${runId}`, { after: told });
    return made;
  });
}

async function requireOpen(tx: Queryable, runId: string): Promise<void> {
  const [letter] = await lockDeadLetter(tx, runId);
  if (!letter) {
    throw new MillraceError("dead_letter_not_found", `run ${runId} is not a dead letter`);
  }
  if (!letter.open) {
    throw new MillraceError("dead_letter_handled", `dead letter ${runId} has been handled already`);
  }
}

import { MillraceError } from "@millrace/core";
import type { Caller } from "../security/caller.ts";
import type { Database, Transaction } from "../store/database.ts";
import { handleDeadLetter, lockDeadLetter, reopenDeadLetters } from "../store/dead-letters.ts";
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
 * Takes a dismissal back: the dead letter is open again. One that is open stays as it is.
 *
 * @throws MillraceError `forbidden`, `dead_letter_not_found`; `dead_letter_handled` for one that was rerun
 */
export function reopenDeadLetter(db: Database, caller: Caller, runId: string): Promise<void> {
  return asCaller(db, caller, "operate", { deadLetter: runId }, async (tx, tell) => {
    const letter = await lockLetter(tx, runId);
    if (letter.open) return;
    if (letter.rerun_id !== null) {
      throw new MillraceError(
        "dead_letter_handled",
        `dead letter ${runId} was not dismissed, but rerun as ${letter.rerun_id}`,
      );
    }
    const [reopened] = await reopenDeadLetters(tx, [runId], null, caller.name, null, null);
    if (!reopened) throw notThere(runId);
    tell("dead_letter.reopened", `run:${runId}`, {
      before: { open: false },
      after: { open: true },
    });
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
  const letter = await lockLetter(tx, runId);
  if (!letter.open) {
    throw new MillraceError("dead_letter_handled", `dead letter ${runId} has been handled already`);
  }
}

async function lockLetter(
  tx: Queryable,
  runId: string,
): Promise<{ open: boolean; rerun_id: string | null }> {
  const [letter] = await lockDeadLetter(tx, runId);
  if (!letter) throw notThere(runId);
  return letter;
}

function notThere(runId: string): MillraceError {
  return new MillraceError("dead_letter_not_found", `run ${runId} is not a dead letter`);
}

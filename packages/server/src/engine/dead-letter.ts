import { MillraceError } from "@millrace/core";
import { type Database, type Transaction, inTransaction } from "../store/database.ts";
import { handleDeadLetter, lockDeadLetter } from "../store/dead-letters.ts";
import { recordEvent } from "../store/events.ts";
import type { Queryable } from "../store/statement.ts";
import type { EnqueuedRun } from "./enqueue.ts";
import { type Rerun, rerun } from "./rerun.ts";

/**
 * Says that a failed run needs nothing more.
 *
 * @throws MillraceError `dead_letter_not_found`, `dead_letter_handled`
 */
export function dismiss(
  db: Database,
  runId: string,
  by: string,
  note: string | null,
): Promise<void> {
  return inTransaction(db, async (tx) => {
    await requireOpen(tx, runId);
    await handleDeadLetter(tx, runId, by, "dismissed", note, null);
    await recordEvent(tx, runId, "dismissed", by, note === null ? null : JSON.stringify({ note }));
  });
}

/**
 * Reruns a dead letter, once: of two people who try at the same time, one is told that it has been handled.
 *
 * @throws MillraceError `dead_letter_not_found`, `dead_letter_handled`, `unknown_job`
 */
export async function rerunDeadLetter(
  db: Database | Transaction,
  request: Rerun,
): Promise<EnqueuedRun> {
  return inTransaction(db, async (tx) => {
    await requireOpen(tx, request.runId);
    return rerun(tx, request);
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

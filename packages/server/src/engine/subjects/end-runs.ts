import type { MillraceError } from "@millrace/core";
import { MILLRACE } from "../../security/caller.ts";
import { type Database, inTransaction } from "../../store/database.ts";
import type { Queryable } from "../../store/statement.ts";
import { lockEndingSubject, openSubjectRuns, subjectHasEnded } from "../../store/subjects.ts";
import { asActor } from "../as-caller.ts";
import { cancelInside } from "../cancel-inside.ts";

/** Looked at in one statement. */
const WINDOW = 1000;

const FIRST = "00000000-0000-0000-0000-000000000000";

const REASON = "its subject was erased";

/**
 * Cancels the open runs of a subject that is erased, each in a transaction of its own; by force, for what they did is not known any more.
 *
 * @param most the rest is left to maintenance
 */
export async function endRunsOf(db: Database, subject: string, most = Infinity): Promise<void> {
  let ended = 0;
  do {
    for await (const runId of openRuns(db, subject)) {
      if (ended++ >= most) return;
      await end(db, runId);
    }
  } while (!(await hasEnded(db, subject)));
}

/** What is accepted of it at this moment (a child, a successor) says so while it holds the subject, and is waited for. */
function hasEnded(db: Database, subject: string): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    if ((await lockEndingSubject(tx, subject)).length === 0) return true;
    for await (const _ of openRuns(tx, subject)) return false;
    await subjectHasEnded(tx, subject);
    return true;
  });
}

async function* openRuns(db: Queryable, subject: string): AsyncGenerator<string> {
  for (let after: string | null = FIRST; after !== null;) {
    const [row]: { open: string[] | null; last: string | null }[] = await openSubjectRuns(
      db,
      subject,
      after,
      WINDOW,
    );
    yield* row!.open ?? [];
    after = row!.last;
  }
}

async function end(db: Database, runId: string): Promise<void> {
  try {
    await asActor(db, MILLRACE, (tx) =>
      cancelInside(tx, MILLRACE.name, { runId, reason: REASON, force: true }),
    );
  } catch (error) {
    const { code } = error as MillraceError;
    if (code !== "run_finished" && code !== "run_not_found") throw error;
  }
}

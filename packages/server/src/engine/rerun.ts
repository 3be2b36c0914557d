import type { Caller } from "../security/caller.ts";
import type { Database, Transaction } from "../store/database.ts";
import { asCaller } from "./as-caller.ts";
import type { EnqueuedRun } from "./enqueue.ts";
import { type Rerun, rerunInside } from "./rerun-inside.ts";

/**
 * Makes a new run of the same job with the same input, unless it was patched; the old run stays as it ended. If it was a
 * dead letter, it is handled by this.
 *
 * @throws MillraceError `forbidden`, `run_not_found`; `invalid_request` for a run that is still open; `unknown_job`
 */
export function rerun(
  db: Database | Transaction,
  caller: Caller,
  asked: Rerun,
): Promise<EnqueuedRun> {
  return asCaller(db, caller, "operate", { run: asked.runId }, async (tx, tell) => {
    const made = await rerunInside(tx, caller.name, asked);
    const told = { patched: asked.patched !== undefined, deadLetter: made.handled };
    tell("run.rerun", `run:${asked.runId}`, { after: { run: made.id, ...told } });
    return made;
  });
}

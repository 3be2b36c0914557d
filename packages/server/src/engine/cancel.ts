import type { Caller } from "../security/caller.ts";
import type { Database } from "../store/database.ts";
import { asCaller } from "./as-caller.ts";
import { type Cancel, type Cancelled, cancelInside } from "./cancel-inside.ts";

/**
 * Cancels a run. One that waits is cancelled when this returns. One that runs is asked to stop: its worker aborts the
 * handler's signal within a second, and the run is cancelled when the handler lets go; a handler that completes all
 * the same, completes. One that has something to make good does that first; to ask again changes nothing.
 *
 * A claim that is under way at this moment may not be seen. Then the run is cancelled here although a worker starts it;
 * that worker finds the request, aborts, and its outcome changes nothing any more.
 *
 * Of a run that was continued, the last of its chain is cancelled.
 *
 * @throws MillraceError `forbidden`, `run_not_found`, `run_finished`
 */
export function cancel(db: Database, caller: Caller, asked: Cancel): Promise<Cancelled> {
  return asCaller(db, caller, "operate", { run: asked.runId }, async (tx, tell) => {
    const result = await cancelInside(tx, caller.name, asked);
    const { runId, reason, force = false } = asked;
    tell("run.cancelled", `run:${runId}`, { after: { result, reason, force } });
    return result;
  });
}

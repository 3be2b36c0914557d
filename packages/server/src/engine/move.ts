import type { Caller } from "../security/caller.ts";
import type { Database } from "../store/database.ts";
import { asCaller } from "./as-caller.ts";
import { type Move, type Moved, moveInside } from "./move-inside.ts";

/**
 * Puts a run that waits into another queue, or gives it another priority; see {@link moveInside}.
 *
 * @throws MillraceError `forbidden`, and what that throws
 */
export function move(db: Database, caller: Caller, asked: Move): Promise<Moved> {
  return asCaller(db, caller, "operate", { run: asked.runId }, async (tx, tell) => {
    const made = await moveInside(tx, caller.name, asked);
    const { queue, priority } = made;
    if (made.moved) tell("run.moved", `run:${asked.runId}`, { after: { queue, priority } });
    return made;
  });
}

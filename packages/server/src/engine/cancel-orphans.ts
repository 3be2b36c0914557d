import { MillraceError } from "@millrace/core";
import {
  dropEndedWaits,
  dropOrphanings,
  dropUnborn,
  markUnwanted,
  readOrphanings,
  readOrphans,
} from "../store/children.ts";
import { failpoint } from "../runtime/failpoints.ts";
import { type Database, inTransaction } from "../store/database.ts";
import { cancelInside } from "./cancel.ts";

/** Parents at a time. */
const PARENTS = 50;

/** Children that are read at a time. Each is cancelled in a transaction of its own, which holds nothing that others wait for. */
const CHILDREN = 100;

/**
 * Cancels open children whose parents have ended or wait for them no more, by the cancel that everybody uses. Any number of processes may
 * do so at once; who dies leaves the rest to the next one.
 */
export async function cancelOrphans(db: Database): Promise<void> {
  for (;;) {
    const orphanings = await readOrphanings(db, PARENTS);
    if (orphanings.length === 0) return;
    failpoint("orphans.before");
    const parents = [...new Set(orphanings.map(({ parent }) => parent))];
    // First of all, so that nobody starts another child for them.
    await dropEndedWaits(db, parents);
    for (;;) {
      const orphans = await readOrphans(db, parents, CHILDREN);
      if (orphans.length === 0) break;
      for (const { run_id: runId, parent, name } of orphans) {
        await cancelOrphan(
          db,
          runId,
          `run ${parent} waits for step ${JSON.stringify(name)} no more`,
        );
      }
    }
    await dropUnborn(db, parents);
    await dropOrphanings(
      db,
      orphanings.map(({ id }) => id),
    );
  }
}

function cancelOrphan(db: Database, runId: string, reason: string): Promise<void> {
  return inTransaction(db, async (tx) => {
    const [marked] = await markUnwanted(tx, runId);
    if (!marked) return;
    try {
      await cancelInside(tx, { runId, by: "parent", reason });
    } catch (error) {
      // It has ended by itself, which is as good.
      if (!(error instanceof MillraceError)) throw error;
    }
  });
}

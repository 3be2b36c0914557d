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
import { cancelInside } from "./cancel-inside.ts";

/** Parents at a time. */
const PARENTS = 50;

/**
 * Children at a time, some 0.1 s of work: others wait for what the looker gives them. Each is cancelled in a transaction of its own, which
 * holds nothing that others wait for.
 */
const CHILDREN = 25;

/**
 * Cancels some open children whose parents have ended or wait for them no more, by the cancel that everybody uses. Any number of
 * processes may do so at once; who dies leaves the rest to the next one.
 *
 * @returns whether there may be more
 */
export async function cancelOrphans(db: Database): Promise<boolean> {
  const orphanings = await readOrphanings(db, PARENTS);
  if (orphanings.length === 0) return false;
  failpoint("orphans.before");
  const parents = [...new Set(orphanings.map(({ parent }) => parent))];
  // First of all, so that nobody starts another child for them.
  await dropEndedWaits(db, parents);
  const orphans = await readOrphans(db, parents, CHILDREN);
  for (const { run_id: runId, parent, name } of orphans) {
    await cancelOrphan(db, runId, `run ${parent} waits for step ${JSON.stringify(name)} no more`);
  }
  if (orphans.length === CHILDREN) return true;
  await dropUnborn(db, parents);
  await dropOrphanings(
    db,
    orphanings.map(({ id }) => id),
  );
  return orphanings.length === PARENTS;
}

function cancelOrphan(db: Database, runId: string, reason: string): Promise<void> {
  return inTransaction(db, async (tx) => {
    const [marked] = await markUnwanted(tx, runId);
    if (!marked) return;
    try {
      await cancelInside(tx, "parent", { runId, reason });
    } catch (error) {
      // It has ended by itself, which is as good.
      if (!(error instanceof MillraceError)) throw error;
    }
  });
}

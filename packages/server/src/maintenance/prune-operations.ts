import { setTimeout as pause } from "node:timers/promises";
import { countOldOperations, forgetOperation } from "../store/operations.ts";
import type { Queryable } from "../store/statement.ts";

/** Members that one statement deletes: some tens of milliseconds. */
const BATCH = 5000;

/** What to do; {@link PruneOptions} has it all. */
export interface OperationPruning {
  now: Date;
  retentionMs: number;
  dryRun?: boolean;
  signal?: AbortSignal;
}

/**
 * Takes away operations that ended longer ago than runs are kept whose jobs say nothing, with their members. It rests
 * between batches as long as the work took, and a death in the middle leaves the rest to the next sweep.
 *
 * @returns how many operations went, or with dryRun, would go
 */
export async function pruneOperations(
  db: Queryable,
  { now, retentionMs, dryRun = false, signal }: OperationPruning,
): Promise<number> {
  if (!Number.isFinite(retentionMs)) return 0;
  const before = new Date(Math.max(0, now.getTime() - retentionMs));
  if (dryRun) return (await countOldOperations(db, before))[0]?.operations ?? 0;
  let pruned = 0;
  while (!signal?.aborted) {
    const startedAt = performance.now();
    const [gone] = await forgetOperation(db, before, BATCH);
    if (!gone || gone.operations + gone.members === 0) break;
    pruned += gone.operations;
    await pause(Math.min(1000, performance.now() - startedAt));
  }
  return pruned;
}

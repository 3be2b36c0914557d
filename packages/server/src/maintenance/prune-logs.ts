import { listPartitions } from "../store/partitions.ts";
import type { Queryable } from "../store/statement.ts";
import type { PruneOptions, Pruned } from "./prune.ts";
import { retire } from "./retire.ts";

/**
 * Takes away the logs of runs that were accepted long ago, where they are kept for less long than their runs: whole partitions, whatever has become of
 * the runs. What such a run says later is kept until it goes itself.
 */
export async function pruneLogs(
  db: Queryable,
  { now, logRetentionMs = Infinity, dryRun = false, signal }: PruneOptions,
  done: Pick<Pruned, "dropped" | "postponed">,
): Promise<void> {
  if (logRetentionMs === Infinity) return;
  const before = now.getTime() - logRetentionMs;
  for (const { parent, name, to_at: to, bytes } of await listPartitions(db)) {
    if (parent !== "log" || to.getTime() > before || signal?.aborted) continue;
    if (dryRun) done.dropped.push({ table: "log", name, bytes });
    else {
      const retired = await retire(db, "log", name);
      if (retired.how === "dropped") done.dropped.push({ table: "log", name, bytes });
      if (retired.how === "blocked") return void done.postponed.push({ name, by: retired.by });
    }
  }
}

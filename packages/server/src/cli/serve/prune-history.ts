import type { Pruned } from "../../maintenance/prune.ts";
import { pruneAlone } from "../../maintenance/pruner.ts";
import type { Cli } from "../cli.ts";
import { openPool } from "./open-pool.ts";
import { withDatabase } from "./with-database.ts";

/** Prunes once, everything; nothing is answered when another process does so at this moment. */
export function pruneHistory(
  cli: Cli,
  { dryRun }: { dryRun: boolean },
): Promise<Pruned | undefined> {
  return withDatabase(cli, async (serving) => {
    const { db } = await openPool(serving, "join");
    const { retentionMs, logRetentionMs } = serving.settings;
    return pruneAlone(db, { retentionMs, logRetentionMs, dryRun, everything: true });
  });
}

import { keepPartitionsNow } from "../../maintenance/partition-keeper.ts";
import { type Migration, migrate, pendingMigrations } from "../../store/migrate.ts";
import type { Cli } from "../cli.ts";
import { openPool } from "./open-pool.ts";
import { withDatabase } from "./with-database.ts";

/** Applies what is pending, or only answers it. */
export function runMigrations(cli: Cli, { dryRun = false }): Promise<Migration[]> {
  return withDatabase(cli, async (serving) => {
    const { db } = await openPool(serving, "start");
    if (dryRun) return pendingMigrations(db);
    const applied = await migrate(db, { onBlocked: (sentence) => serving.report(sentence) });
    // Whoever enqueues by SQL before the first server starts must find them.
    await keepPartitionsNow(db, serving.settings.retentionMs);
    return applied;
  });
}

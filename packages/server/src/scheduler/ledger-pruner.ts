import { CHORE_MS, Loop } from "../runtime/loop.ts";
import type { Database } from "../store/database.ts";
import { pruneOccurrences } from "../store/occurrences.ts";
import type { Logger } from "../telemetry/logger.ts";

/** Rows that one statement removes: some 50 ms of work. */
const BATCH = 5000;

const REST_MS = 60_000;

/** Removes from the ledger of occurrences what is older than runs are kept. Any number may run at once. */
export class LedgerPruner extends Loop {
  /** @param retentionMs Infinity keeps everything */
  constructor({ db, logger, retentionMs }: { db: Database; logger: Logger; retentionMs: number }) {
    super(
      "ledger pruner",
      async () => {
        if (retentionMs === Infinity) return REST_MS;
        const [row] = await pruneOccurrences(db, retentionMs, BATCH);
        return row?.pruned === BATCH ? 100 : REST_MS;
      },
      logger,
      CHORE_MS,
    );
  }
}

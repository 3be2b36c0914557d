import { CHORE_MS, Loop } from "../runtime/loop.ts";
import type { Database } from "../store/database.ts";
import { pruneLogNotes } from "../store/log-notes.ts";
import type { Logger } from "../telemetry/logger.ts";

/** Whoever follows logs may come back within half of it. */
const KEPT_MS = 10 * 60_000;

/** A worker that floods writes some hundred a second. */
const BATCH = 20_000;

const REST_MS = 30_000;

/** Forgets which lines were written when. Any number may run at once. */
export class LogNotePruner extends Loop {
  constructor({ db, logger }: { db: Database; logger: Logger }) {
    super(
      "log note pruner",
      async () => {
        const [row] = await pruneLogNotes(db, KEPT_MS, BATCH);
        return row!.pruned === BATCH ? 0 : REST_MS;
      },
      logger,
      CHORE_MS,
    );
  }
}

import { CHORE_MS, Loop } from "../runtime/loop.ts";
import { pruneChains } from "../store/chains.ts";
import { pruneChildren } from "../store/children.ts";
import type { Database } from "../store/database.ts";
import { pruneEmissions } from "../store/emissions.ts";
import type { PrunedRow } from "../store/prune-gone.ts";
import { prunePublished } from "../store/published.ts";
import { REPLIES_KEPT_MS, pruneReplies } from "../store/replies.ts";
import { pruneRunSubjects } from "../store/subjects.ts";
import { pruneUnwindings } from "../store/unwinding.ts";
import { pruneWaits } from "../store/waits.ts";
import type { Logger } from "../telemetry/logger.ts";

/** Rows that one statement looks at: some 50 ms of work. */
const BATCH = 5000;

const BEFORE_ALL = "00000000-0000-0000-0000-000000000000";

const REST_MS = 10 * 60_000;

/** Forgets what is left in a window. */
type Prune = (db: Database, after: string, limit: number) => Promise<PrunedRow[]>;

/**
 * Removes events that are older than runs are kept, answers that are kept for those who repeat a request, waits of runs that have ended, and of runs that are no more the lists of their children,
 * what they have published, whom they were about, and their chains. Such waits are few, because whoever ends a run forgets its waits, unless it dies. Any number
 * may run at once.
 */
export class WaitPruner extends Loop {
  /** @param retentionMs Infinity keeps all events */
  constructor({ db, logger, retentionMs }: { db: Database; logger: Logger; retentionMs: number }) {
    const all: Prune[] = [pruneWaits, pruneChildren, prunePublished, pruneChains, pruneUnwindings];
    all.push(pruneRunSubjects);
    all.push((_, _after, limit) => pruneReplies(db, REPLIES_KEPT_MS, limit));
    if (retentionMs !== Infinity) {
      all.push((_, after, limit) => pruneEmissions(db, retentionMs, after, limit));
    }
    const places = all.map(() => BEFORE_ALL);
    super(
      "wait pruner",
      async () => {
        for (const [n, prune] of all.entries()) {
          const [row] = await prune(db, places[n]!, BATCH);
          places[n] = row?.last ?? BEFORE_ALL;
        }
        return places.every((place) => place === BEFORE_ALL) ? REST_MS : 100;
      },
      logger,
      CHORE_MS,
    );
  }
}

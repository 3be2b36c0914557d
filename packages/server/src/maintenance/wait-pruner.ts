import { Loop } from "../runtime/loop.ts";
import type { Database } from "../store/database.ts";
import { pruneChains } from "../store/chains.ts";
import { pruneChildren } from "../store/children.ts";
import { pruneEmissions } from "../store/emissions.ts";
import { prunePublished } from "../store/published.ts";
import { pruneUnwindings } from "../store/unwinding.ts";
import { pruneWaits } from "../store/waits.ts";
import type { Logger } from "../telemetry/logger.ts";

/** Rows that one statement looks at: some 50 ms of work. */
const BATCH = 5000;

const BEFORE_ALL = "00000000-0000-0000-0000-000000000000";

const REST_MS = 10 * 60_000;

/**
 * Removes events that are older than runs are kept, waits of runs that have ended, and the lists of children of runs that are no more, what those have published, and chains of such runs. Such
 * waits are few, because whoever ends a run forgets its waits, unless it dies. Any number may run at once.
 */
export class WaitPruner extends Loop {
  /** @param retentionMs Infinity keeps all events */
  constructor({ db, logger, retentionMs }: { db: Database; logger: Logger; retentionMs: number }) {
    let after = BEFORE_ALL;
    let afterParent = BEFORE_ALL;
    let afterRun = BEFORE_ALL;
    let afterChain = BEFORE_ALL;
    let afterUnwound = BEFORE_ALL;
    super(
      "wait pruner",
      async () => {
        const [row] = retentionMs === Infinity ? [] : await pruneEmissions(db, retentionMs, BATCH);
        const [{ last } = { last: null }] = await pruneWaits(db, after, BATCH);
        after = last ?? BEFORE_ALL;
        const [{ last: parent } = { last: null }] = await pruneChildren(db, afterParent, BATCH);
        afterParent = parent ?? BEFORE_ALL;
        const [{ last: run } = { last: null }] = await prunePublished(db, afterRun, BATCH);
        afterRun = run ?? BEFORE_ALL;
        const [{ last: chain } = { last: null }] = await pruneChains(db, afterChain, BATCH);
        afterChain = chain ?? BEFORE_ALL;
        const [{ last: unwound } = { last: null }] = await pruneUnwindings(db, afterUnwound, BATCH);
        afterUnwound = unwound ?? BEFORE_ALL;
        const more = [last, parent, run, chain, unwound].some((place) => place !== null);
        return more || row?.pruned === BATCH ? 100 : REST_MS;
      },
      logger,
    );
  }
}

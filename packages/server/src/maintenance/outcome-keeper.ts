import { Loop } from "../runtime/loop.ts";
import type { Database } from "../store/database.ts";
import {
  countEnds,
  pruneCalls,
  pruneErrorGroups,
  pruneHours,
  pruneMinutes,
  pruneSamples,
  pruneSlots,
  pruneStanding,
} from "../store/outcomes.ts";
import { takeSample } from "../store/queue-samples.ts";
import type { Logger } from "../telemetry/logger.ts";

/** Notes that one statement counts: some 30 ms. */
const BATCH = 2000;

/** So late are ends counted that were noted. */
const REST_MS = 1000;

const MINUTE_MS = 60_000;

/** To look at a million parcels takes seconds. */
const PATIENCE_MS = 60_000;

/** Rows that one statement forgets. */
const PRUNED = 5000;

const PRUNES = [
  ...[pruneMinutes, pruneHours, pruneCalls, pruneStanding, pruneSamples],
  ...[pruneSlots, pruneErrorGroups],
];

/** Counts how attempts and runs end, samples what waits, and forgets what is too old to be shown. Any number may run at once. */
export class OutcomeKeeper extends Loop {
  constructor({ db, logger }: { db: Database; logger: Logger }) {
    let minute = 0;
    super(
      "outcome keeper",
      async () => {
        const [row] = await countEnds(db, BATCH);
        if (row?.taken === BATCH) return 0;
        const now = Math.floor(Date.now() / MINUTE_MS);
        if (now === minute) return REST_MS;
        minute = now;
        let more = false;
        for (const prune of PRUNES) {
          const [pruned] = await prune(db, PRUNED);
          more ||= pruned?.pruned === PRUNED;
        }
        if (more) minute = 0;
        // Last, and tried once in a minute: behind a backlog for which its time is too short, all else goes on.
        await takeSample(db, null);
        return REST_MS;
      },
      logger,
      PATIENCE_MS,
    );
  }
}

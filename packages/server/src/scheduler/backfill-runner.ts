import { advanceBackfill } from "../engine/schedule/advance-backfill.ts";
import type { Fired } from "../engine/schedule/fire.ts";
import { CHORE_MS, Loop } from "../runtime/loop.ts";
import type { Database } from "../store/database.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Bell } from "../transport/bell.ts";

/** A backfill that is begun while the runner rests is at the most so late. */
const LOOK_EVERY_MS = 500;

export interface BackfillRunnerOptions {
  db: Database;
  bell: Pick<Bell, "ring">;
  logger: Logger;
  /** Told of what was fired; for metrics. */
  onFired?: (fired: Fired) => void;
}

/** Makes the runs of backfills, at their rates. Any number may run at once: each part is one process's transaction. */
export class BackfillRunner extends Loop {
  constructor({ db, bell, logger, onFired }: BackfillRunnerOptions) {
    super(
      "backfill runner",
      async () => {
        const { fired, nextInMs } = await advanceBackfill(db);
        for (const queue of fired.queues) bell.ring(queue);
        if (fired.outcomes.length > 0) onFired?.(fired);
        return Math.min(nextInMs ?? LOOK_EVERY_MS, LOOK_EVERY_MS);
      },
      logger,
      CHORE_MS,
    );
  }
}

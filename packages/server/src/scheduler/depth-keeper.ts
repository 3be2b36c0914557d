import { Loop } from "../runtime/loop.ts";
import { countDepths } from "../store/depths.ts";
import type { Database } from "../store/database.ts";
import type { Logger } from "../telemetry/logger.ts";

const LOOK_EVERY_MS = 1000;

/** Of the time, at the most a tenth is spent on counting, however much waits. */
const REST_FOR_EACH = 10;

/** Counts what waits in queues that take only so much. Any number may run at once: they share the work. */
export class DepthKeeper extends Loop {
  constructor({ db, logger }: { db: Database; logger: Logger }) {
    super(
      "depth keeper",
      async () => {
        const before = performance.now();
        await countDepths(db, LOOK_EVERY_MS / 2);
        return Math.max(LOOK_EVERY_MS, (performance.now() - before) * REST_FOR_EACH);
      },
      logger,
    );
  }
}

import { Loop } from "../runtime/loop.ts";
import type { Database } from "../store/database.ts";
import { sampleQueues } from "../store/queue-samples.ts";
import type { Logger } from "../telemetry/logger.ts";

/** A look that comes late does not skip a minute. */
const LOOK_EVERY_MS = 20_000;

/** Takes a sample of all queues in each minute: how fast they drain is told from these. Any number may run at once: they share the work. */
export class QueueSampler extends Loop {
  constructor({ db, logger }: { db: Database; logger: Logger }) {
    super(
      "queue sampler",
      async () => {
        await sampleQueues(db);
        return LOOK_EVERY_MS;
      },
      logger,
      // To count a million runs that wait one by one takes seconds.
      60_000,
    );
  }
}

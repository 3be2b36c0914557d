import { Loop } from "../runtime/loop.ts";
import type { Service } from "../runtime/service.ts";
import type { Database } from "../store/database.ts";
import { ensurePartitions } from "../store/partitions.ts";
import type { Logger } from "../telemetry/logger.ts";

const LOOK_EVERY_MS = 3_600_000;

/** If nobody makes partitions for so many days, new rows go to the default partitions; nothing is refused. */
export const DAYS_AHEAD = 7;

/** Makes the daily partitions of the history tables ahead of time. */
export class PartitionKeeper implements Service {
  readonly name = "partition keeper";
  readonly #loop: Loop;

  constructor({ db, logger }: { db: Database; logger: Logger }) {
    this.#loop = new Loop(
      this.name,
      async () => {
        const [row] = await ensurePartitions(db, DAYS_AHEAD);
        if (row?.made) logger.debug({ made: row.made }, "made partitions");
        return LOOK_EVERY_MS;
      },
      logger,
    );
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }
}

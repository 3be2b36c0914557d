import { Batcher } from "../runtime/batcher.ts";
import type { Database } from "../store/database.ts";
import type { Logger } from "../telemetry/logger.ts";
import { meetWaits } from "./meet-waits.ts";

/** Looks that are asked for while one is under way are one. */
const ALL = 10_000;

/** The look of a process that has just committed something for which runs may wait: at once, and not only when the `Waker` looks. */
export class WaitLook {
  readonly #batcher: Batcher<null, null>;

  /** @param ring called with a queue that has got runs */
  constructor(db: Database, ring: (queue: string) => void, logger: Logger) {
    this.#batcher = new Batcher(async (asked) => {
      try {
        await meetWaits(db, ring);
      } catch (error) {
        logger.warn(
          { event: "waits.put_off", err: error },
          "runs are given what they wait for a little later",
        );
      }
      return asked;
    }, ALL);
  }

  soon(): void {
    void this.#batcher.add(null);
  }
}

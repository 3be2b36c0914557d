import { keepGate, tidyGate } from "../engine/keep-gate.ts";
import { Loop } from "../runtime/loop.ts";
import type { Database } from "../store/database.ts";
import type { Logger } from "../telemetry/logger.ts";
import { Counter, type Registry } from "../telemetry/metrics.ts";
import type { Bell } from "../transport/bell.ts";

/** A run is skipped, replaced or expired so late at the most, when no worker files before. */
const LOOK_EVERY_MS = 500;

const TIDY_EVERY_MS = 5000;

/**
 * Does for the gate what no claim does: files runs of which no worker has a free slot, so that a full key is noticed;
 * cancels runs that have not started in time; opens what was left shut. Any number may run at once.
 */
export class GateKeeper extends Loop {
  #tidiedAt = performance.now();

  constructor({
    db,
    bell,
    logger,
    metrics,
  }: {
    db: Database;
    bell: Bell;
    logger: Logger;
    metrics?: Registry;
  }) {
    const expiries =
      metrics &&
      new Counter({
        name: "millrace_runs_expired_total",
        help: "Runs that this process cancelled because they had not started within their time to live",
        registers: [metrics],
      });
    super(
      "gate keeper",
      async () => {
        const { expired } = await keepGate(db, () => this.goesOn());
        if (expired > 0) {
          expiries?.inc({}, expired);
          logger.info(
            { event: "runs.expired", runs: expired },
            `${expired} runs expired before they started`,
          );
        }
        if (performance.now() - this.#tidiedAt > TIDY_EVERY_MS) {
          this.#tidiedAt = performance.now();
          for (const queue of await tidyGate(db)) bell.ring(queue);
        }
        return LOOK_EVERY_MS;
      },
      logger,
    );
  }
}

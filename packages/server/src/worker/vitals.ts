import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Queryable } from "../store/statement.ts";
import { noteVitals } from "../store/workers.ts";
import type { Logger } from "../telemetry/logger.ts";

const TELL_EVERY_MS = 15_000;

/** The histogram records the time between two ticks of a timer: the delay is what exceeds this. */
const RESOLUTION_MS = 20;

/** How much memory the process of a worker holds, and how late its event loop is: told to the database now and then, for whoever looks from outside. */
export class Vitals {
  readonly #db: Queryable;
  readonly #logger: Logger;
  readonly #everyMs: number;
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #toldAt = performance.now();

  constructor(db: Queryable, logger: Logger, everyMs = TELL_EVERY_MS) {
    this.#db = db;
    this.#logger = logger;
    this.#everyMs = everyMs;
    this.#delay.enable();
  }

  stop(): void {
    this.#delay.disable();
  }

  /** Tells, when it is time. Nobody waits for it. */
  tell(workerId: number): void {
    if (performance.now() - this.#toldAt < this.#everyMs) return;
    this.#toldAt = performance.now();
    const lagMs = Math.max(0, this.#delay.percentile(99) / 1e6 - RESOLUTION_MS);
    this.#delay.reset();
    noteVitals(this.#db, workerId, process.memoryUsage.rss(), lagMs).catch((error: unknown) =>
      this.#logger.debug(
        { event: "worker.unnoted", err: error },
        "how the worker does was not noted",
      ),
    );
  }
}

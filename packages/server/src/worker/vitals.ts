import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Queryable } from "../store/statement.ts";
import { noteVitals } from "../store/workers.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { SettledAttempt } from "./attempt.ts";

const TELL_EVERY_MS = 15_000;

/** One that idles tells so much less often: only its memory may change. */
const IDLE_TIMES = 4;

/** The histogram records the time between two ticks of a timer: the delay is what exceeds this. */
const RESOLUTION_MS = 20;

const FAILED: readonly SettledAttempt["verdict"][] = ["retry", "fail", "crash"];

/**
 * How many attempts of this worker end, and fail, how much memory its process holds, and how late its event loop is: told to the database now and then,
 * for whoever looks from outside.
 */
export class Vitals {
  readonly #db: Queryable;
  readonly #logger: Logger;
  readonly #everyMs: number;
  #ended = 0;
  #failed = 0;
  /** Whether it has told that nothing ends. */
  #idles = false;
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

  settled({ verdict }: SettledAttempt): void {
    if (verdict === "release" || verdict === "suspend" || verdict === "park") return;
    this.#ended++;
    if (FAILED.includes(verdict)) this.#failed++;
  }

  /** Tells, when it is time. Nobody waits for it, and a worker that idles says little. */
  tell(workerId: number): void {
    const elapsedMs = performance.now() - this.#toldAt;
    const idles = this.#ended === 0;
    if (elapsedMs < (idles && this.#idles ? IDLE_TIMES * this.#everyMs : this.#everyMs)) return;
    this.#toldAt = performance.now();
    const perMinute = (count: number) => (count / elapsedMs) * 60_000;
    const [ended, failed] = [perMinute(this.#ended), perMinute(this.#failed)];
    this.#ended = this.#failed = 0;
    this.#idles = idles;
    const lagMs = Math.max(0, this.#delay.percentile(99) / 1e6 - RESOLUTION_MS);
    this.#delay.reset();
    noteVitals(this.#db, workerId, ended, failed, process.memoryUsage.rss(), lagMs).catch(
      (error: unknown) =>
        this.#logger.debug(
          { event: "worker.unnoted", err: error },
          "how the worker does was not noted",
        ),
    );
  }
}

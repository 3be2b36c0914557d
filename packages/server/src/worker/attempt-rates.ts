import type { Queryable } from "../store/statement.ts";
import { noteAttempts } from "../store/workers.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { SettledAttempt } from "./attempt.ts";

const TELL_EVERY_MS = 15_000;

const FAILED: readonly SettledAttempt["verdict"][] = ["retry", "fail", "crash"];

/** How many attempts of this worker end, and fail: told to the database now and then, for whoever looks from outside. */
export class AttemptRates {
  readonly #db: Queryable;
  readonly #logger: Logger;
  readonly #everyMs: number;
  #ended = 0;
  #failed = 0;
  /** Whether it has told that nothing ends. */
  #idles = false;
  #toldAt = performance.now();

  constructor(db: Queryable, logger: Logger, everyMs = TELL_EVERY_MS) {
    this.#db = db;
    this.#logger = logger;
    this.#everyMs = everyMs;
  }

  settled({ verdict }: SettledAttempt): void {
    if (verdict === "release" || verdict === "suspend" || verdict === "park") return;
    this.#ended++;
    if (FAILED.includes(verdict)) this.#failed++;
  }

  /** Tells, when it is time. Nobody waits for it, and a worker that idles says so once. */
  tell(workerId: number): void {
    const elapsedMs = performance.now() - this.#toldAt;
    if (elapsedMs < this.#everyMs) return;
    this.#toldAt = performance.now();
    const perMinute = (count: number) => (count / elapsedMs) * 60_000;
    const [ended, failed] = [perMinute(this.#ended), perMinute(this.#failed)];
    this.#ended = this.#failed = 0;
    const idles = ended === 0;
    if (idles && this.#idles) return;
    this.#idles = idles;
    noteAttempts(this.#db, workerId, ended, failed).catch((error: unknown) =>
      this.#logger.debug(
        { event: "worker.unnoted", err: error },
        "the rates of attempts were not noted",
      ),
    );
  }
}

import { countCompleted } from "../store/outcomes.ts";
import type { Queryable } from "../store/statement.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { SettledAttempt } from "./attempt.ts";

const TELL_EVERY_MS = 5000;

/**
 * How many runs of each job have completed, told to the database now and then: so that a settling pays an addition, and not a row. What has not been told when the
 * process is killed is not counted; other ends are counted by the database itself.
 */
export class OutcomeCounts {
  readonly #db: Queryable;
  readonly #logger: Logger;
  #completed = new Map<string, number>();
  #toldAt = performance.now();

  constructor(db: Queryable, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
  }

  settled({ job, verdict }: SettledAttempt): void {
    if (verdict !== "complete" && verdict !== "continue") return;
    this.#completed.set(job, (this.#completed.get(job) ?? 0) + 1);
  }

  /** Tells, when it is time. Nobody waits for it. */
  tell(): void {
    if (this.#completed.size === 0 || performance.now() - this.#toldAt < TELL_EVERY_MS) return;
    void this.tellNow();
  }

  async tellNow(): Promise<void> {
    const told = this.#completed;
    this.#toldAt = performance.now();
    if (told.size === 0) return;
    this.#completed = new Map();
    try {
      await countCompleted(this.#db, [...told.keys()], [...told.values()]);
    } catch (error) {
      this.#logger.debug(
        { event: "worker.outcomes_uncounted", err: error },
        "what has completed was not counted; it is told again",
      );
      for (const [job, runs] of told) {
        this.#completed.set(job, (this.#completed.get(job) ?? 0) + runs);
      }
    }
  }
}

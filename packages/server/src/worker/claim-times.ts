import type { Queryable } from "../store/statement.ts";
import { noteClaims } from "../store/workers.ts";
import type { Logger } from "../telemetry/logger.ts";

const TELL_EVERY_MS = 15_000;

/** Enough for a p99; of more, the latest count. */
const MAX_SAMPLES = 1000;

/** How long this worker's claims take: told to the database now and then, where the doctor and every server see it. */
export class ClaimTimes {
  readonly #db: Queryable;
  readonly #logger: Logger;
  readonly #samples: number[] = [];
  #count = 0;
  #toldAt = performance.now();

  readonly #everyMs: number;

  constructor(db: Queryable, logger: Logger, everyMs = TELL_EVERY_MS) {
    this.#everyMs = everyMs;
    this.#db = db;
    this.#logger = logger;
  }

  took(ms: number): void {
    this.#samples[this.#count++ % MAX_SAMPLES] = ms;
  }

  /** Tells, when it is time; a database that does not listen is told the next time. */
  async tell(workerId: number): Promise<void> {
    if (this.#count === 0 || performance.now() - this.#toldAt < this.#everyMs) return;
    this.#toldAt = performance.now();
    const sorted = this.#samples.toSorted((a, b) => a - b);
    const count = this.#count;
    this.#samples.length = 0;
    this.#count = 0;
    await noteClaims(
      this.#db,
      workerId,
      count,
      quantile(sorted, 0.5),
      quantile(sorted, 0.99),
    ).catch((error: unknown) =>
      this.#logger.debug({ event: "worker.unnoted", err: error }, "claim times could not be noted"),
    );
  }
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

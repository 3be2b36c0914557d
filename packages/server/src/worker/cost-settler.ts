import { Batcher } from "../runtime/batcher.ts";
import type { ClaimedRun } from "../store/claim.ts";
import { settleCosts } from "../store/gate.ts";
import type { Queryable } from "../store/statement.ts";
import type { Logger } from "../telemetry/logger.ts";

interface Refund {
  job: string;
  key: string;
  queue: string;
  /** Units that were taken too much; negative for too little. */
  units: number;
}

/**
 * Settles what runs have really cost with the rates that were charged at their start. When that is lost in a crash, the
 * estimate stands.
 */
export class CostSettler {
  readonly #db: Queryable;
  readonly #logger: Logger;
  readonly #batcher: Batcher<Refund, void>;

  constructor(db: Queryable, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
    this.#batcher = new Batcher((refunds) => this.#record(refunds), 500);
  }

  /**
   * @param charged what the run was charged when it started
   * @param units what it has cost
   */
  settle({ job, passed }: ClaimedRun, charged: number, units: number): void {
    if (!passed || units === charged) return;
    void this.#batcher.add({ job, key: passed.key, queue: passed.queue, units: charged - units });
  }

  async #record(refunds: Refund[]): Promise<undefined[]> {
    try {
      await settleCosts(
        this.#db,
        refunds.map((refund) => refund.job),
        refunds.map((refund) => refund.key),
        refunds.map((refund) => refund.queue),
        refunds.map((refund) => refund.units),
      );
    } catch (error) {
      this.#logger.warn(
        { event: "run.costs_unsettled", err: error, runs: refunds.length },
        "costs of runs were not settled",
      );
    }
    return refunds.map(() => undefined);
  }
}

import { failpoint } from "../runtime/failpoints.ts";
import type { Queryable } from "../store/statement.ts";
import { leasesBeside } from "../store/workers.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Settler } from "./settler.ts";

/** How often a worker asks whether it holds runs that it does not know of; after a claim that failed, at once. */
const SEEK_EVERY_MS = 5000;

/**
 * A claim may be carried out and its answer be lost on the way. Nobody would ever take back what it took, for this worker
 * is alive; so it looks for leases of its own that it does not know, and hands their runs back. Between two claims, because
 * a lease that is just being made is not known yet either.
 */
export class Strays {
  readonly #db: Queryable;
  readonly #logger: Logger;
  #soughtAt = -Infinity;

  constructor(db: Queryable, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
  }

  /** A claim has failed: look at the next occasion. */
  suspect(): void {
    this.#soughtAt = -Infinity;
  }

  /** @param known the leases that the worker knows */
  async handBack(worker: number, known: number[], settler: Settler): Promise<void> {
    if (performance.now() - this.#soughtAt < SEEK_EVERY_MS) return;
    const strays = await leasesBeside(this.#db, worker, known);
    failpoint("strays.after_read");
    this.#soughtAt = performance.now();
    if (strays.length === 0) return;
    this.#logger.warn(
      { event: "worker.strays", runs: strays.length },
      "handing back runs of a claim that got no answer",
    );
    await Promise.all(
      strays.map(({ lease_id: leaseId, run_id: runId }) =>
        settler.add({ leaseId, runId, verdict: "release" }),
      ),
    );
  }
}

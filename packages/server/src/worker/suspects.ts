import { Aborted } from "@millrace/sdk";
import type { ClaimedRun } from "../store/claim.ts";
import type { Queryable } from "../store/statement.ts";
import { markSuspect } from "../store/suspects.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { AttemptContext } from "./attempt-context.ts";

/**
 * Puts on record where a suspect starts, before it starts: when its worker dies with it, the reaper can tell a run that
 * was alone from one that had neighbours.
 */
export class Suspects {
  readonly #db: Queryable;
  readonly #workerId: number;
  readonly #logger: Logger;

  constructor(db: Queryable, workerId: number, logger: Logger) {
    this.#db = db;
    this.#workerId = workerId;
    this.#logger = logger;
  }

  /** It may start, as its lease still holds it, and how often it has ended what executed it; or it may not. Never rejects. */
  async startsIn(
    lane: "alone" | "thread" | "process",
    { id, leaseId, losses }: ClaimedRun,
    context: AttemptContext,
  ): Promise<{ proven: number } | undefined> {
    const ids = { run: id, job: context.job, attempt: context.attempt };
    try {
      const [marked] = await markSuspect(this.#db, this.#workerId, leaseId, id, lane === "alone");
      if (marked) {
        this.#logger.info(
          { event: "run.suspect", ...ids, losses, lane },
          "was lost before; it runs where it harms nobody",
        );
        return marked;
      }
    } catch (error) {
      this.#logger.warn(
        { event: "run.suspect_unrecorded", ...ids, err: error },
        "a suspect cannot be put on record; handing it back",
      );
    }
    context.abort(new Aborted("lease-lost", "its lease is gone"));
    return undefined;
  }
}

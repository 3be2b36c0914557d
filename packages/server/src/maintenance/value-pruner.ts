import { MillraceError } from "@millrace/core";
import { CHORE_MS, Loop } from "../runtime/loop.ts";
import type { Database } from "../store/database.ts";
import { runsThere } from "../store/installation.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { ValueStore } from "../value-store/value-store.ts";

const REST_MS = 3_600_000;
const AWAY_MS = 60_000;

/** A run that is younger is never taken for one that is no more: its database may be a copy that was made before it. */
const YOUNGEST_MS = 86_400_000;

/**
 * Removes values of runs that are no more from the store, part by part, and begins anew once an hour. A value whose checkpoint was never
 * recorded goes with its run. Any number may run at once.
 */
export class ValuePruner extends Loop {
  readonly #leave: () => Promise<unknown> | undefined;

  /** @param now milliseconds of Unix time */
  constructor({
    db,
    values,
    logger,
    now = Date.now,
  }: {
    db: Database;
    values: ValueStore;
    logger: Logger;
    now?: () => number;
  }) {
    let sweep: ReturnType<ValueStore["runs"]> | undefined;
    super(
      "value pruner",
      async () => {
        const parts = (sweep ??= values.runs());
        try {
          const { value: runs, done } = await parts.next();
          if (done) {
            sweep = undefined;
            return REST_MS;
          }
          const old = runs.filter((run) => now() - msOf(run) > YOUNGEST_MS);
          const there = new Set((await runsThere(db, old)).map(({ id }) => id));
          for (const run of old) if (!there.has(run)) await values.remove(run);
          return 100;
        } catch (error) {
          await parts.return();
          sweep = undefined;
          // It can wait, and a store that is away must not make this process one that is not well.
          if (!(error instanceof MillraceError) || error.code !== "value_store_failed") throw error;
          logger.warn(
            { event: "values.unremoved", err: error },
            "values of runs that are no more could not be removed",
          );
          return AWAY_MS;
        }
      },
      logger,
      CHORE_MS,
    );
    this.#leave = () => sweep?.return();
  }

  override async stop(): Promise<void> {
    await super.stop();
    await this.#leave();
  }
}

/** The time in a UUIDv7. */
function msOf(run: string): number {
  return Number.parseInt(run.replace("-", "").slice(0, 12), 16);
}

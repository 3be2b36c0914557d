import { CHORE_MS, Loop } from "../runtime/loop.ts";
import { ifUnlocked } from "../store/advisory-lock.ts";
import type { Database } from "../store/database.ts";
import { PRUNE_LOCK, readClock } from "../store/prune.ts";
import type { Logger } from "../telemetry/logger.ts";
import { type PruneOptions, type Pruned, prune } from "./prune.ts";

const SWEEP_EVERY_MS = 10 * 60_000;

export interface PrunerOptions {
  db: Database;
  logger: Logger;
  /** How long runs are kept whose jobs say nothing; Infinity for ever. */
  retentionMs: number;
  /** Told of every sweep, for metrics. */
  onPruned?: (pruned: Pruned) => void;
}

/** Drops history whose retention is over. Any number may run: an advisory lock lets one at a time. */
export class Pruner extends Loop {
  readonly #options: PrunerOptions;
  #stopping = new AbortController();

  constructor(options: PrunerOptions) {
    super(
      "pruner",
      async () => {
        await this.#sweep();
        return SWEEP_EVERY_MS;
      },
      options.logger,
      CHORE_MS,
    );
    this.#options = options;
  }

  override start(): Promise<void> {
    this.#stopping = new AbortController();
    return super.start();
  }

  override stop(): Promise<void> {
    this.#stopping.abort();
    return super.stop();
  }

  async #sweep(): Promise<void> {
    const { db, logger, retentionMs, onPruned } = this.#options;
    const pruned = await pruneAlone(db, { retentionMs, signal: this.#stopping.signal });
    if (!pruned) return;
    onPruned?.(pruned);
    const { dropped, runs, keys, workers, operations, postponed } = pruned;
    if (dropped.length + runs + operations > 0) {
      const names = dropped.map(({ name }) => name);
      logger.info(
        { event: "history.pruned", partitions: names, runs, keys, workers, operations },
        "pruned the history",
      );
    }
    for (const { name, by } of postponed) {
      logger.warn(
        { event: "history.postponed", partition: name },
        `partition ${name} cannot go yet: the table is held by ${by}`,
      );
    }
  }
}

/** {@link prune} by the database's clock, unless another process does so at this moment; then nothing is answered. */
export function pruneAlone(
  db: Database,
  options: Omit<PruneOptions, "now">,
): Promise<Pruned | undefined> {
  return ifUnlocked(db, PRUNE_LOCK, async () => {
    const client = await db.connect();
    try {
      const [clock] = await readClock(client);
      return clock && (await prune(client, { ...options, now: clock.now }));
    } finally {
      client.release();
    }
  });
}

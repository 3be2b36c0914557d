import { takeBackApart, takeBackLost } from "../engine/take-back.ts";
import { failpoint } from "../runtime/failpoints.ts";
import { Loop } from "../runtime/loop.ts";
import { type Database, isUnavailable } from "../store/database.ts";
import type { TakenBackRow } from "../store/reap.ts";
import { markLost, watchBeats } from "../store/workers.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Bell } from "../transport/bell.ts";

export interface ReaperOptions {
  db: Database;
  bell: Bell;
  logger: Logger;
  /** How often to look: a sixth of the usual lease does. */
  sweepMs: number;
  /** Told of every worker that this one has declared lost. */
  onLost?: () => void;
  /** Told of every run that was taken back. */
  onTakenBack?: (run: TakenBackRow) => void;
}

/**
 * Takes back the runs of workers that are dead.
 *
 * A worker is dead when its heartbeat counter has not grown for as long as it said it might be silent. That time is
 * measured here, between sweeps that reached the database, on this process's monotonic clock: a clock that jumps, a
 * database that was away, and a reaper that was asleep declare nobody dead.
 */
export class Reaper extends Loop {
  readonly #db: Database;
  readonly #bell: Bell;
  readonly #logger: Logger;
  readonly #sweepMs: number;
  readonly #onLost: ReaperOptions["onLost"];
  readonly #onTakenBack: ReaperOptions["onTakenBack"];
  #watched = new Map<number, Watched>();
  /** Runs that could not be taken back by the last sweep. */
  #refused = new Set<string>();
  #sweptAt = performance.now();

  constructor({ db, bell, logger, sweepMs, onLost, onTakenBack }: ReaperOptions) {
    super("reaper", () => this.#sweep(), logger);
    this.#db = db;
    this.#bell = bell;
    this.#logger = logger;
    this.#sweepMs = sweepMs;
    this.#onLost = onLost;
    this.#onTakenBack = onTakenBack;
  }

  async #sweep(): Promise<number> {
    failpoint("reap.before");
    const silent = await this.#silentWorkers();
    failpoint("reap.between");
    for (const worker of silent) {
      const [lost] = await markLost(this.#db, worker.id, worker.beat);
      if (!lost) continue;
      this.#onLost?.();
      this.#logger.warn(
        {
          event: "worker.lost",
          worker: worker.id,
          name: worker.name,
          silentMs: Math.round(worker.silentMs),
        },
        `worker ${worker.name} is lost; taking back its runs`,
      );
    }
    failpoint("reap.after_lost");
    await this.#takeBackAll();
    return this.#sweepMs;
  }

  async #silentWorkers(): Promise<Watched[]> {
    const beats = await watchBeats(this.#db);
    const now = performance.now();
    // A sweep that came late has not watched in the meantime, so it counts no more than two sweeps' time.
    const watchedMs = Math.min(now - this.#sweptAt, 2 * this.#sweepMs);
    this.#sweptAt = now;
    const before = this.#watched;
    this.#watched = new Map(
      beats.map(({ id, name, beat, lease_ms }) => {
        const seen = before.get(id);
        const silentMs = seen?.beat === beat ? seen.silentMs + watchedMs : 0;
        return [id, { id, name, beat, leaseMs: lease_ms, silentMs }];
      }),
    );
    return [...this.#watched.values()].filter((worker) => worker.silentMs >= worker.leaseMs);
  }

  async #takeBackAll(): Promise<void> {
    for (;;) {
      const runs = await this.#takeBackSome();
      failpoint("reap.after_commit");
      this.goesOn();
      if (runs.length === 0) return;
      for (const run of runs) this.#onTakenBack?.(run);
      const dead = runs.filter((run) => run.state === "failed");
      this.#logger.warn(
        { event: "runs.taken_back", runs: runs.length, deadLetters: dead.map((run) => run.run_id) },
        `took back ${runs.length} runs of lost workers`,
      );
      for (const queue of new Set(runs.map((run) => run.queue))) this.#bell.ring(queue);
    }
  }

  async #takeBackSome(): Promise<TakenBackRow[]> {
    try {
      return await takeBackLost(this.#db);
    } catch (error) {
      if (isUnavailable(error)) throw error;
    }
    const { runs, refused } = await takeBackApart(this.#db);
    // Each is tried by every sweep, and told of once.
    for (const { runId, error } of refused) {
      if (this.#refused.has(runId)) continue;
      this.#logger.error(
        { event: "run.unreapable", err: error, run: runId },
        `run ${runId} of a lost worker cannot be taken back: the database refuses it; it is tried again`,
      );
    }
    this.#refused = new Set(refused.map(({ runId }) => runId));
    return runs;
  }
}

interface Watched {
  id: number;
  name: string;
  beat: number;
  leaseMs: number;
  silentMs: number;
}

import type { ClaimedRun } from "../store/claim.ts";
import { notePace } from "../store/explain.ts";
import type { Queryable } from "../store/statement.ts";
import type { Logger } from "../telemetry/logger.ts";

const TELL_EVERY_MS = 5000;

/** How much of the last value stays after each measure: with one in five seconds, what was half a minute ago hardly counts. */
const KEPT = 0.7;

/** How fast a worker starts the runs of its queues: told to the database now and then, where `explain` and the samples of queues reckon with it. */
export class Pace {
  readonly #db: Queryable;
  readonly #logger: Logger;
  readonly #counts = new Map<string, number>();
  readonly #perSecond = new Map<string, number>();
  /** Started, and not on record yet. */
  readonly #untold = new Map<string, number>();
  #toldAt = performance.now();

  constructor(db: Queryable, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
  }

  /** Counts runs that were claimed together. Only the last of a parcel tells its queue, for all of it. */
  started(runs: readonly ClaimedRun[]): void {
    let parcel = 0;
    for (const run of runs) {
      if (run.passed) this.#count(run.passed.queue, 1);
      else parcel++;
      if (!run.parcel) continue;
      this.#count(run.parcel.queue, parcel);
      parcel = 0;
    }
  }

  /** Tells, when it is time. Nobody waits for it, and what is lost is told again. */
  tell(workerId: number): void {
    const elapsedMs = performance.now() - this.#toldAt;
    if (elapsedMs < TELL_EVERY_MS) return;
    this.#toldAt = performance.now();
    const paces = this.#measure(elapsedMs);
    const queues = [...paces.keys()];
    if (queues.length === 0) return;
    const started = queues.map((queue) => this.#untold.get(queue) ?? 0);
    this.#untold.clear();
    notePace(this.#db, workerId, queues, [...paces.values()], started).catch((error: unknown) => {
      this.#logger.debug({ event: "worker.unnoted", err: error }, "the pace was not noted");
      for (const [n, queue] of queues.entries()) add(this.#untold, queue, started[n]!);
    });
  }

  /** Runs per second of each queue that had any lately. @param elapsedMs since it was asked last */
  #measure(elapsedMs: number): Map<string, number> {
    for (const queue of this.#counts.keys()) {
      if (!this.#perSecond.has(queue)) this.#perSecond.set(queue, 0);
    }
    for (const [queue, before] of this.#perSecond) {
      const now = ((this.#counts.get(queue) ?? 0) / elapsedMs) * 1000;
      const pace = KEPT * before + (1 - KEPT) * now;
      if (pace < 0.001) this.#perSecond.delete(queue);
      else this.#perSecond.set(queue, pace);
    }
    for (const [queue, runs] of this.#counts) add(this.#untold, queue, runs);
    this.#counts.clear();
    return this.#perSecond;
  }

  #count(queue: string, runs: number): void {
    add(this.#counts, queue, runs);
  }
}

function add(counts: Map<string, number>, queue: string, runs: number): void {
  counts.set(queue, (counts.get(queue) ?? 0) + runs);
}

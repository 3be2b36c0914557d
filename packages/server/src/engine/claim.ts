import { type ClaimedRun, claimFromFront, claimFromLow, readClaim } from "../store/claim.ts";
import type { Queryable } from "../store/statement.ts";

/** A claim from the low end may overlook an older number that was committed late; never for longer than this. */
const WHOLE_SCAN_EVERY_MS = 1000;

/** No lease holds more runs than this: their ids stand in one row of `lease`, and must fit its page. */
const MAX_CLAIM = 250;

/**
 * Claims runs for one worker, and remembers how far it got in each level (a queue and a priority), so that under load
 * the next claim starts there instead of walking over what was taken before.
 */
export class Claimer {
  readonly #db: Queryable;
  readonly #workerId: number;
  readonly #jobs: string[];
  #queues: string[];
  #levels = new Map<string, Level>();
  #wholeScanAt = -Infinity;
  #runsPerParcel = 1;

  constructor(db: Queryable, workerId: number, queues: readonly string[], jobs: readonly string[]) {
    this.#db = db;
    this.#workerId = workerId;
    this.#queues = [...queues];
    this.#jobs = [...jobs];
  }

  /**
   * @param free how many runs to take at the most
   * @returns the runs; fewer than asked for means that there are no more for now
   */
  async claim(free: number): Promise<ClaimedRun[]> {
    const want = Math.min(free, MAX_CLAIM);
    if (this.#levels.size === 0 || performance.now() - this.#wholeScanAt > WHOLE_SCAN_EVERY_MS) {
      return this.#fromFront(want);
    }
    const runs = await this.#fromLow(want);
    if (runs.length === want) return runs;
    return [...runs, ...(await this.#fromFront(want - runs.length))];
  }

  async #fromFront(want: number): Promise<ClaimedRun[]> {
    // Each queue gets the first turn in its turn.
    const first = this.#queues.shift();
    if (first !== undefined) this.#queues.push(first);
    this.#wholeScanAt = performance.now();
    const runs = readClaim(
      await claimFromFront(
        this.#db,
        this.#workerId,
        want,
        this.#queues,
        this.#jobs,
        this.#parcelsFor(want),
      ),
    );
    this.#levels.clear();
    if (runs.length === want) this.#learn(runs);
    return runs;
  }

  async #fromLow(want: number): Promise<ClaimedRun[]> {
    const levels = [...this.#levels.values()].sort((a, b) => b.priority - a.priority);
    const runs = readClaim(
      await claimFromLow(
        this.#db,
        this.#workerId,
        want,
        levels.map((level) => level.queue),
        this.#jobs,
        this.#parcelsFor(want),
        levels.map((level) => level.priority),
        levels.map((level) => level.low),
      ),
    );
    this.#learn(runs);
    return runs;
  }

  #learn(runs: readonly ClaimedRun[]): void {
    let parcels = 0;
    for (const { parcel } of runs) {
      if (!parcel) continue;
      parcels++;
      const { queue, priority, seq } = parcel;
      const level = this.#levels.get(`${priority} ${queue}`);
      // Not seq + 1: what was left of a split parcel keeps its number.
      if (!level) this.#levels.set(`${priority} ${queue}`, { queue, priority, low: seq });
      else level.low = Math.max(level.low, seq);
    }
    if (parcels > 0) this.#runsPerParcel = runs.length / parcels;
  }

  /** As many parcels as should hold that many runs, so that no more rows are locked than needed. */
  #parcelsFor(want: number): number {
    return Math.max(1, Math.ceil(want / this.#runsPerParcel));
  }
}

interface Level {
  queue: string;
  priority: number;
  low: number;
}

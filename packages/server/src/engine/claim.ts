import {
  type ClaimedRun,
  type ParcelPlace,
  MAX_LEASE,
  type PlainClaimRow,
  claimFromFront,
  claimFromLow,
  claimGated,
  nextOpening,
  readGatedClaim,
  readPlainClaim,
} from "../store/claim.ts";
import type { Queryable } from "../store/statement.ts";
import { QueueTurns } from "./queue-turns.ts";

/** A claim from the low end may overlook an earlier place that was committed late; never for longer than this. */
const WHOLE_SCAN_EVERY_MS = 1000;

/** More at once would come late to who has the next turn, and save little: two claims of 250 cost some tenth more than this. */
const MAX_CLAIM = 500;

const NONE: ReadonlySet<string> = new Set();

/**
 * Claims runs for one worker, and remembers how far it got in each level (a queue and a priority), so that under load
 * the next claim starts there instead of walking over what was taken before.
 */
export class Claimer {
  readonly #db: Queryable;
  readonly #workerId: number;
  readonly #all: readonly string[];
  readonly #without: () => ReadonlySet<string>;
  readonly #turns: QueueTurns;
  #levels = new Map<string, ParcelPlace>();
  #wholeScanAt = -Infinity;
  #runsPerParcel = 1;
  #gated = false;

  /**
   * @param queues their names, or how often each gets the first choice of free slots
   * @param jobs what it can run: jobs, and `job@version` for each version of theirs
   * @param without those jobs among them of which it must not claim anything for now
   */
  constructor(
    db: Queryable,
    workerId: number,
    queues: readonly string[] | ReadonlyMap<string, number>,
    jobs: readonly string[],
    without: () => ReadonlySet<string> = () => NONE,
  ) {
    this.#db = db;
    this.#workerId = workerId;
    this.#turns = new QueueTurns(queues);
    this.#all = [...jobs];
    this.#without = without;
  }

  get #jobs(): string[] {
    const without = this.#without();
    if (without.size === 0) return [...this.#all];
    return this.#all.filter((runnable) => !without.has(runnable.split("@")[0]!));
  }

  /**
   * @param free how many slots to fill at the most; the runs of a batch, which share a lease, take one together
   * @returns the runs; none means that there are none for now
   */
  async claim(free: number): Promise<ClaimedRun[]> {
    // No more than the gate gives at once, so that nobody overtakes what stands before it.
    const want = Math.min(free, this.#gated ? MAX_LEASE : MAX_CLAIM);
    const queues = this.#turns.next();
    const passed = this.#gated ? await this.#fromGate(want, queues, false) : [];
    const left = want - slotsOf(passed);
    const plain = left > 0 ? await this.#fromReady(left, queues) : [];
    const still = left - plain.length;
    if (still <= 0 || !this.#gated) return [...passed, ...plain];
    return [...passed, ...plain, ...(await this.#fromGate(still, queues, true))];
  }

  /** How long until time alone lets a run start that no claim could take, in milliseconds. */
  async opensInMs(): Promise<number> {
    if (!this.#gated) return Infinity;
    const [row] = await nextOpening(this.#db, this.#turns.names, this.#jobs);
    return row?.in_ms ?? Infinity;
  }

  /** @param behind whether to take also what comes after the front of `ready` */
  async #fromGate(want: number, queues: string[], behind: boolean): Promise<ClaimedRun[]> {
    const most = Math.min(want, MAX_LEASE);
    const rows = await claimGated(this.#db, this.#workerId, most, queues, this.#jobs, behind);
    return rows.flatMap(readGatedClaim);
  }

  async #fromReady(want: number, queues: string[]): Promise<ClaimedRun[]> {
    if (this.#levels.size === 0 || performance.now() - this.#wholeScanAt > WHOLE_SCAN_EVERY_MS) {
      return this.#fromFront(want, queues);
    }
    const runs = await this.#fromLow(want);
    if (runs.length === want) return runs;
    return [...runs, ...(await this.#fromFront(want - runs.length, queues))];
  }

  async #fromFront(want: number, queues: string[]): Promise<ClaimedRun[]> {
    this.#wholeScanAt = performance.now();
    const rows = await claimFromFront(
      this.#db,
      this.#workerId,
      want,
      queues,
      this.#jobs,
      this.#parcelsFor(want),
    );
    const runs = this.#read(rows);
    this.#levels.clear();
    if (runs.length === want) this.#learn(runs);
    return runs;
  }

  async #fromLow(want: number): Promise<ClaimedRun[]> {
    const levels = [...this.#levels.values()].sort((a, b) => b.priority - a.priority);
    const rows = await claimFromLow(
      this.#db,
      this.#workerId,
      want,
      levels.map((level) => level.queue),
      this.#jobs,
      this.#parcelsFor(want),
      levels.map((level) => level.priority),
      levels.map((level) => level.startBy),
      levels.map((level) => level.seq),
    );
    const runs = this.#read(rows);
    this.#learn(runs);
    return runs;
  }

  #read([row]: readonly PlainClaimRow[]): ClaimedRun[] {
    this.#gated = row?.gated ?? false;
    return readPlainClaim(row);
  }

  #learn(runs: readonly ClaimedRun[]): void {
    let parcels = 0;
    for (const { parcel } of runs) {
      if (!parcel) continue;
      parcels++;
      const level = `${parcel.priority} ${parcel.queue}`;
      const low = this.#levels.get(level);
      // The place itself, not the next one: what was left of a split parcel keeps it.
      if (!low || isLater(parcel, low)) this.#levels.set(level, parcel);
    }
    if (parcels > 0) this.#runsPerParcel = runs.length / parcels;
  }

  /** As many parcels as should hold that many runs, so that no more rows are locked than needed. */
  #parcelsFor(want: number): number {
    return Math.max(1, Math.ceil(want / this.#runsPerParcel));
  }
}

/** The database writes times of one zone, so their text sorts as they do but for trailing zeros, which it leaves out. */
function isLater(a: ParcelPlace, b: ParcelPlace): boolean {
  const [atA, atB] = [sortable(a.startBy), sortable(b.startBy)];
  return atA === atB ? a.seq > b.seq : atA > atB;
}

/** `2026-11-25 18:00:00.25+00` as `2026-11-25 18:00:00.250000`. */
function sortable(startBy: string): string {
  const [seconds = "", fraction = ""] = startBy.replace(/\+00$/, "").split(".");
  return `${seconds}.${fraction.padEnd(6, "0")}`;
}

function slotsOf(runs: readonly ClaimedRun[]): number {
  const batches = new Set<number>();
  let single = 0;
  for (const { leaseId, passed } of runs) {
    if (passed?.batch) batches.add(leaseId);
    else single++;
  }
  return single + batches.size;
}

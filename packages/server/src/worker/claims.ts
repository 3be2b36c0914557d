import type { Job } from "@millrace/sdk";
import { Claimer } from "../engine/claim.ts";
import type { JobRegistry } from "../engine/job-registry.ts";
import { failpoint } from "../runtime/failpoints.ts";
import type { ClaimedRun } from "../store/claim.ts";
import type { Queryable } from "../store/statement.ts";
import type { Lanes } from "./isolation/lanes.ts";

interface Claim {
  isolation: Job["isolation"];
  claimer: Claimer;
}

export interface Claimed {
  taken: number;
  more: boolean;
}

/** So many claims follow each other before the worker has a look at other things. */
const CLAIMS_IN_A_ROW = 20;

export interface ClaimsOptions {
  db: Queryable;
  workerId: number;
  queues: readonly string[] | ReadonlyMap<string, number>;
  registry: JobRegistry;
  lanes: Lanes;
  /** Jobs of which nothing is to be claimed for now. Default none. */
  without?: (() => ReadonlySet<string>) | undefined;
  /** Told of each claim how long it took, in milliseconds, and what it gave. */
  onClaim: (ms: number, runs: readonly ClaimedRun[]) => void;
}

/**
 * What a worker claims: runs of isolated jobs apart from the others, and no more of them than there are places, so that
 * the rest stay where another worker can take them.
 */
export class Claims {
  readonly #claims: Claim[];
  readonly #lanes: Lanes;
  readonly #onClaim: ClaimsOptions["onClaim"];

  constructor({ db, workerId, queues, registry, lanes, without, onClaim }: ClaimsOptions) {
    this.#lanes = lanes;
    this.#onClaim = onClaim;
    this.#claims = (["inline", "thread", "process"] as const).flatMap((isolation) => {
      const jobs = registry.names.filter((name) => registry.get(name)!.isolation === isolation);
      if (jobs.length === 0) return [];
      const runnable = registry.runnable(jobs);
      return [{ isolation, claimer: new Claimer(db, workerId, queues, runnable, without) }];
    });
  }

  /**
   * Claims, and starts what each claim gives.
   *
   * @param free how many runs to take at the most; asked before each claim, for what was started may leave no room
   * @returns how many were taken, and whether there may be more
   */
  async claim(free: () => number, start: (runs: ClaimedRun[]) => void): Promise<Claimed> {
    // Each has the first turn in its turn.
    const first = this.#claims.shift();
    if (first) this.#claims.push(first);
    const all: Claimed = { taken: 0, more: false };
    for (const claim of this.#claims) {
      const room = () => Math.min(free(), this.#lanes.room(claim.isolation));
      const { taken, more } = await this.#fill(claim, room, start);
      all.taken += taken;
      all.more ||= more;
    }
    return all;
  }

  /** While handlers are being started, the database looks for the next runs already, if there is room for any beside these. */
  async #fill(
    { isolation, claimer }: Claim,
    room: () => number,
    start: (runs: ClaimedRun[]) => void,
  ): Promise<Claimed> {
    let taken = 0;
    let next = this.#ask(claimer, room());
    for (let claims = 1; next; claims++) {
      const runs = await next;
      // Beside one that was lost before nothing may start until it is known where it goes.
      const suspicious = runs.some(({ losses }) => losses > 0);
      const again = runs.length > 0 && !suspicious && claims < CLAIMS_IN_A_ROW;
      next = again ? this.#ask(claimer, room() - runs.length) : undefined;
      start(runs);
      taken += runs.length;
      if (!again) return { taken, more: runs.length > 0 };
      // What is executed here may have ended already; what has a place of its own has not.
      const quick = isolation === "inline" && room() >= runs.length / 2;
      if (quick) next ??= this.#ask(claimer, room());
    }
    return { taken, more: false };
  }

  /** @returns undefined where there is no room */
  #ask(claimer: Claimer, want: number): Promise<ClaimedRun[]> | undefined {
    if (want <= 0) return undefined;
    const asked = this.#take(claimer, want);
    // When starting fails nobody waits for it.
    asked.catch(() => {});
    return asked;
  }

  async #take(claimer: Claimer, want: number): Promise<ClaimedRun[]> {
    failpoint("claim.before");
    const askedAt = performance.now();
    const runs = await claimer.claim(want);
    failpoint("claim.after_commit");
    this.#onClaim(performance.now() - askedAt, runs);
    return runs;
  }

  /** How long until time alone lets a run start that no claim could take, in milliseconds. */
  async opensInMs(): Promise<number> {
    const times = this.#claims.map(({ claimer }) => claimer.opensInMs());
    return Math.min(Infinity, ...(await Promise.all(times)));
  }
}

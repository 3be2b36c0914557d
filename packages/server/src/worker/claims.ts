import type { Job } from "@millrace/sdk";
import { Claimer } from "../engine/claim.ts";
import type { JobRegistry } from "../engine/job-registry.ts";
import type { ClaimedRun } from "../store/claim.ts";
import type { Queryable } from "../store/statement.ts";
import type { Lanes } from "./isolation/lanes.ts";

interface Claim {
  isolation: Job["isolation"];
  claimer: Claimer;
}

/**
 * What a worker claims: runs of isolated jobs apart from the others, and no more of them than there are places, so that
 * the rest stay where another worker can take them.
 */
export class Claims {
  readonly #claims: Claim[];
  readonly #lanes: Lanes;

  constructor(
    db: Queryable,
    workerId: number,
    queues: readonly string[] | ReadonlyMap<string, number>,
    registry: JobRegistry,
    lanes: Lanes,
  ) {
    this.#lanes = lanes;
    this.#claims = (["inline", "thread", "process"] as const).flatMap((isolation) => {
      const jobs = registry.names.filter((name) => registry.get(name)!.isolation === isolation);
      if (jobs.length === 0) return [];
      return [{ isolation, claimer: new Claimer(db, workerId, queues, jobs) }];
    });
  }

  /**
   * Claims, and starts what each claim gives.
   *
   * @param free how many runs to take at the most; asked before each claim, for what was started may leave no room
   * @returns how many were taken
   */
  async claim(free: () => number, start: (runs: ClaimedRun[]) => void): Promise<number> {
    // Each has the first turn in its turn.
    const first = this.#claims.shift();
    if (first) this.#claims.push(first);
    let taken = 0;
    for (const { isolation, claimer } of this.#claims) {
      const want = Math.min(free(), this.#lanes.room(isolation));
      if (want <= 0) continue;
      const runs = await claimer.claim(want);
      start(runs);
      taken += runs.length;
    }
    return taken;
  }

  /** How long until time alone lets a run start that no claim could take, in milliseconds. */
  async opensInMs(): Promise<number> {
    const times = this.#claims.map(({ claimer }) => claimer.opensInMs());
    return Math.min(Infinity, ...(await Promise.all(times)));
  }
}

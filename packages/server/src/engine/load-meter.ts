import {
  type LoadTrend,
  type Projects,
  type QueueLoad,
  trendOf,
  workersWanted,
} from "@millrace/core";
import { Sparing } from "../runtime/sparing.ts";
import { type Database, inTransaction } from "../store/database.ts";
import { type LoadRow, readLoads } from "../store/load.ts";

/** A queue, and how many workers it wants. */
export interface MeasuredLoad extends QueueLoad {
  name: string;
  project: string | null;
  wanted: number;
}

/** Averages follow looks that are not closer than this. */
const LOOK_EVERY_MS = 2000;

/**
 * Looks at what waits and runs when it is asked, and remembers the last look: how fast runs arrive needs two. Several
 * meters, as of several API processes, agree but for their averages.
 */
export class LoadMeter {
  readonly #looks: Sparing<MeasuredLoad[]>;
  #trends = new Map<string, LoadTrend>();
  #lookedAt = performance.now();

  constructor(db: Database) {
    this.#looks = new Sparing(async () => {
      const rows = await inTransaction(db, async (tx) => {
        const patience = tx.query({ text: "set local statement_timeout = '5s'" });
        const [, loads] = await Promise.all([patience, readLoads(tx)]);
        return loads;
      });
      return this.#follow(rows);
    }, LOOK_EVERY_MS);
  }

  /**
   * @param queues those that are asked for; undefined for all
   * @param projects of which they must be: what is shared is of none. Null for any
   */
  async read(queues?: readonly string[], projects: Projects = null): Promise<MeasuredLoad[]> {
    const all = await this.#looks.read();
    const loads =
      projects === null
        ? all
        : all.filter(({ project }) => project !== null && projects.includes(project));
    return queues ? loads.filter(({ name }) => queues.includes(name)) : loads;
  }

  #follow(rows: readonly LoadRow[]): MeasuredLoad[] {
    const now = performance.now();
    const seconds = (now - this.#lookedAt) / 1000;
    this.#lookedAt = now;
    const before = this.#trends;
    this.#trends = new Map();
    return rows.map(({ name, project, waiting, running, workers, slots, ...row }) => {
      const seen = { waiting, running, startRate: row.start_rate };
      const trend = trendOf(seen, before.get(name), seconds);
      this.#trends.set(name, trend);
      const { arrivalRate, usuallyRunning } = trend;
      const load: QueueLoad = {
        ...{ ...seen, arrivalRate, usuallyRunning, workers, slots },
        urgentRate: row.urgent_rate,
        limit: row.concurrency,
      };
      return { name, project, ...load, wanted: workersWanted(load) };
    });
  }
}

/** For workers that take from all of them. */
export function wantedTogether(loads: readonly MeasuredLoad[]): number {
  const sum = loads.reduce((total, { wanted }) => total + wanted, 0);
  // Averages fade out and never reach nothing.
  return Math.ceil(sum - 0.05);
}

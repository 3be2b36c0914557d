import { setTimeout as pause } from "node:timers/promises";

import { MillraceError } from "@millrace/core";

import type { Cluster } from "./cluster.ts";
import { readPidFile } from "./pid-file.ts";
import { evictBackends } from "./stale-pid-file.ts";
import { startServer } from "./start-attempt.ts";
import type { StartAttempt } from "./start-attempt.ts";

const LOST_RACE_PAUSE_MS = 300;
const STARTS_WORTH_TRYING = 3;

/** The starts of PostgreSQL that this loop has made: one at a time, and no more than a few that fail. */
export class Starts {
  readonly #cluster: Cluster;
  #current: StartAttempt | undefined;
  #failures = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  get underWay(): boolean {
    return this.#current !== undefined && this.#current.end() === undefined;
  }

  /** Whether the postmaster `pid` is the one that we started. */
  started(pid: number): boolean {
    if (this.#current === undefined) return false;
    return this.#current.pid === undefined || this.#current.pid === pid;
  }

  /** To be called while nobody holds the data folder: starts a server, or judges the start that has ended. */
  async advance(): Promise<void> {
    if (this.#current === undefined) {
      this.#current = await startServer(this.#cluster);
      return;
    }
    const end = this.#current.end();
    if (end === undefined) return;
    this.#current = undefined;
    if (end.said.includes("pre-existing shared memory block")) await this.#evict();
    if (!end.lostRace && ++this.#failures >= STARTS_WORTH_TRYING)
      throw failedToStart(this.#cluster, end.said);
    await pause(LOST_RACE_PAUSE_MS);
  }

  async #evict(): Promise<void> {
    const file = readPidFile(this.#cluster.data);
    if (file !== undefined) await evictBackends(this.#cluster, file);
  }
}

function failedToStart({ data, log }: Cluster, said: string): MillraceError {
  const advice = said.includes("could not create shared memory segment")
    ? " (The system is out of shared memory segments; on macOS killed servers leave some behind until the next boot.)"
    : "";
  return new MillraceError(
    "embedded_failed",
    `PostgreSQL does not start on ${data}. Nothing was deleted. The end of ${log}:\n${said}${advice}`,
  );
}

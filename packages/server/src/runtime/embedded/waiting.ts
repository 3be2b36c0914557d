import { MillraceError } from "@millrace/core";

import type { Cluster } from "./cluster.ts";
import type { Observation } from "./observe.ts";
import { pidFileOf } from "./pid-file.ts";

/** Crash recovery replays at most about `max_wal_size` of log: seconds, or minutes on a very slow disk. */
const PATIENCE_MS = 300_000;
const SAY_SO_AFTER_MS = 10_000;

/** How long it has been going on, for the limit and for a word to whoever waits. */
export class Waiting {
  readonly #cluster: Cluster;
  readonly #since = performance.now();
  readonly #done = new Set<string>();
  #seen = { what: "", since: performance.now() };

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Takes note of what was seen; throws when the patience is at its end. */
  note(seen: Observation): void {
    const what =
      seen.state === "stale" ? seen.file.text : `${seen.state} ${"pid" in seen ? seen.pid : ""}`;
    if (this.#seen.what !== what) this.#seen = { what, since: performance.now() };
    const waited = performance.now() - this.#since;
    if (waited > SAY_SO_AFTER_MS && seen.state === "settling") {
      this.once("slow", () =>
        this.#cluster.report(
          `PostgreSQL (pid ${seen.pid}) does not take sessions yet; still waiting for it.`,
        ),
      );
    }
    if (waited < PATIENCE_MS) return;
    throw new MillraceError(
      "embedded_failed",
      `PostgreSQL did not take sessions within ${PATIENCE_MS / 1000} s (${describe(seen)}). ` +
        `See ${this.#cluster.log} and ${pidFileOf(this.#cluster.data)}.`,
    );
  }

  /** Since when, without a break, the same has been seen. */
  get sameForMs(): number {
    return performance.now() - this.#seen.since;
  }

  once(name: string, work: () => void): void {
    if (this.#done.has(name)) return;
    this.#done.add(name);
    work();
  }
}

function describe(seen: Observation): string {
  if (seen.state === "stale") return seen.why;
  return "pid" in seen ? `process ${seen.pid} is ${seen.state}` : "no server came up";
}

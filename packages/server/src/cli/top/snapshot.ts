import {
  type DeadLetterGroup,
  DeadLetterGroups,
  type QueueInfo,
  QueueList,
  RunPage,
  type RunSummary,
  type WorkerInfo,
  WorkerList,
} from "@millrace/core/api";
import type { ApiClient } from "../api-client.ts";

/** What `top` shows, at one moment. */
export interface Snapshot {
  /** Milliseconds of Unix time, by this machine's clock. */
  at: number;
  queues: readonly QueueInfo[];
  /** Those that live. */
  workers: readonly WorkerInfo[];
  /** Newest first; as many as fit on a screen. */
  running: readonly RunSummary[];
  /** Dead letters of the last hour by error, the largest first. */
  errors: readonly DeadLetterGroup[];
}

const MOST_RUNS = 50;
const MOST_ERRORS = 10;

/** To group dead letters reads many of them, and they do not change from one second to the next. */
const ERRORS_EVERY_MS = 5000;

/** Takes snapshots through the API: three requests each, and a fourth every five seconds. */
export class Snapshots {
  readonly #api: ApiClient;
  #errors: readonly DeadLetterGroup[] = [];
  #errorsAt = -Infinity;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  async take(): Promise<Snapshot> {
    const [{ queues }, { workers }, { runs }, errors] = await Promise.all([
      this.#api.get("queues", QueueList),
      this.#api.get("workers", WorkerList),
      this.#api.get("runs", RunPage, { state: "running", limit: MOST_RUNS }),
      this.#recentErrors(),
    ]);
    const living = workers.filter(({ state }) => state === "active" || state === "draining");
    return { at: Date.now(), queues, workers: living, running: runs, errors };
  }

  async #recentErrors(): Promise<readonly DeadLetterGroup[]> {
    const now = performance.now();
    if (now - this.#errorsAt < ERRORS_EVERY_MS) return this.#errors;
    this.#errorsAt = now;
    const since = new Date(Date.now() - 3_600_000).toISOString();
    const query = { since, limit: MOST_ERRORS };
    this.#errors = (await this.#api.get("dead-letters/groups", DeadLetterGroups, query)).groups;
    return this.#errors;
  }
}

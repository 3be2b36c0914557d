import type { HttpTry } from "@millrace/sdk/http";
import { CALL_BOUNDS_S, callBucket } from "../engine/call-times.ts";
import type { Queryable } from "../store/statement.ts";
import { tellCounts } from "../store/worker-counts.ts";
import type { Logger } from "../telemetry/logger.ts";
import { BoundedLabel } from "../telemetry/metrics.ts";
import type { SettledAttempt } from "./attempt.ts";

const TELL_EVERY_MS = 5000;

/** Rates are those of so many tellings, a quarter of a minute: of a shorter time they would be chance. */
const RATED = 3;

/** More hosts than these are counted together: their names may come from inputs. */
const MOST_HOSTS = 100;

/** What is the other side's fault, or the way's there. */
const FAILED_CALLS: ReadonlySet<string> = new Set(["5xx", "timeout", "network", "circuit_open"]);

const NO_TIMES: readonly number[] = [...CALL_BOUNDS_S, Infinity].map(() => 0);

interface Calls {
  count: number;
  failed: number;
  within: number[];
}

interface Ends {
  ended: number;
  failed: number;
  ms: number;
}

/**
 * What a worker counts in memory and tells the database now and then, so that a run that completes pays an addition and not a row: which runs it has completed, how calls of
 * its handlers went, and how many of its attempts end and fail a minute. Other ends are noted by the statements that make them (`store/ends.ts`). What has not been told
 * when the process is killed is not counted.
 */
export class Counts {
  readonly #db: Queryable;
  readonly #logger: Logger;
  readonly #hosts = new BoundedLabel(MOST_HOSTS);
  #completed = new Map<string, number>();
  #calls = new Map<string, Calls>();
  #ended = 0;
  #failed = 0;
  /** Of the last tellings, the newest first. */
  #lately: readonly Ends[] = [];
  /** Whether it has told that nothing ends. */
  #idles = false;
  #toldAt = performance.now();

  constructor(db: Queryable, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
  }

  readonly settled = ({ job, verdict }: SettledAttempt): void => {
    if (verdict === "release" || verdict === "suspend" || verdict === "park") return;
    this.#ended++;
    if (verdict === "complete") add(this.#completed, job, 1);
    else if (verdict === "retry" || verdict === "fail" || verdict === "crash") this.#failed++;
  };

  readonly called = ({ host, outcome, ms }: HttpTry): void => {
    const calls = callsOf(this.#calls, this.#hosts.of(host));
    calls.count++;
    if (FAILED_CALLS.has(outcome)) calls.failed++;
    calls.within[callBucket(ms / 1000)]!++;
  };

  /** Tells, when it is time, or `now`; a worker that idles says so once. What a database does not take is counted on. */
  async tell(workerId: number, now = false): Promise<void> {
    const ms = performance.now() - this.#toldAt;
    if (!now && ms < TELL_EVERY_MS) return;
    this.#toldAt = performance.now();
    this.#lately = [
      { ended: this.#ended, failed: this.#failed, ms },
      ...this.#lately.slice(0, RATED - 1),
    ];
    this.#ended = this.#failed = 0;
    const [completed, calls] = [this.#completed, this.#calls];
    const idles = this.#lately.every(({ ended }) => ended === 0);
    if (idles && this.#idles && calls.size === 0) return;
    this.#completed = new Map();
    this.#calls = new Map();
    try {
      await this.#note(workerId, completed, calls);
      this.#idles = idles;
    } catch (error) {
      for (const [job, runs] of completed) add(this.#completed, job, runs);
      for (const [host, told] of calls) again(callsOf(this.#calls, host), told);
      this.#logger.debug(
        { event: "worker.counts_untold", err: error },
        "how runs and calls ended was not told; it is told again",
      );
    }
  }

  async #note(
    workerId: number,
    completed: ReadonlyMap<string, number>,
    calls: ReadonlyMap<string, Calls>,
  ): Promise<void> {
    const each = [...calls.values()];
    const ms = this.#lately.reduce((sum, ends) => sum + ends.ms, 0);
    const perMinute = (of: "ended" | "failed") =>
      (this.#lately.reduce((sum, ends) => sum + ends[of], 0) / ms) * 60_000;
    await tellCounts(
      this.#db,
      workerId,
      [...completed.keys()],
      [...completed.values()],
      [...calls.keys()],
      each.map(({ count }) => count),
      each.map(({ failed }) => failed),
      each.map(({ within }) => `{${within.join(",")}}`),
      perMinute("ended"),
      perMinute("failed"),
    );
  }
}

function add(counts: Map<string, number>, of: string, more: number): void {
  counts.set(of, (counts.get(of) ?? 0) + more);
}

function callsOf(calls: Map<string, Calls>, host: string): Calls {
  let counted = calls.get(host);
  if (!counted) {
    counted = { count: 0, failed: 0, within: [...NO_TIMES] };
    calls.set(host, counted);
  }
  return counted;
}

function again(calls: Calls, { count, failed, within }: Calls): void {
  calls.count += count;
  calls.failed += failed;
  for (const [place, times] of within.entries()) calls.within[place]! += times;
}

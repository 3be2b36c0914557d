import type { HttpTry } from "@millrace/sdk/http";
import { CALL_BOUNDS_S, callBucket } from "../engine/call-times.ts";
import type { Queryable } from "../store/statement.ts";
import { addTallies } from "../store/tally.ts";
import { BoundedLabel } from "../telemetry/metrics.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { SettledAttempt } from "./attempt.ts";

const TELL_EVERY_MS = 15_000;

/** More names than these are counted together: those of hosts may come from inputs. */
const MOST_NAMES = { attempts: 500, calls: 100 } as const;

/** What is the other side's fault, or the way's there. */
const FAILED_CALLS: ReadonlySet<string> = new Set(["5xx", "timeout", "network", "circuit_open"]);

const NO_TIMES: readonly number[] = CALL_BOUNDS_S.map(() => 0);

interface Count {
  count: number;
  failed: number;
  within: number[];
}

/**
 * How attempts of this worker's jobs, and calls of their handlers, end: told to the database now and then, where rules for alerts look. What was
 * counted last is lost with a worker that is killed.
 */
export class Tallies {
  readonly #db: Queryable;
  readonly #logger: Logger;
  readonly #everyMs: number;
  readonly #counts = { attempts: new Map<string, Count>(), calls: new Map<string, Count>() };
  readonly #names = {
    attempts: new BoundedLabel(MOST_NAMES.attempts),
    calls: new BoundedLabel(MOST_NAMES.calls),
  };
  #toldAt = performance.now();

  constructor(db: Queryable, logger: Logger, everyMs = TELL_EVERY_MS) {
    this.#db = db;
    this.#logger = logger;
    this.#everyMs = everyMs;
  }

  readonly settled = ({ job, verdict }: SettledAttempt): void => {
    if (verdict === "complete" || verdict === "continue") this.#of("attempts", job).count++;
    if (verdict !== "retry" && verdict !== "fail" && verdict !== "crash") return;
    const count = this.#of("attempts", job);
    count.count++;
    count.failed++;
  };

  readonly called = ({ host, outcome, ms }: HttpTry): void => {
    const count = this.#of("calls", host);
    count.count++;
    if (FAILED_CALLS.has(outcome)) count.failed++;
    count.within[callBucket(ms / 1000)]!++;
  };

  /** Tells, when it is time or `now`; what a database does not take is counted on. */
  async tell(workerId: number, now = false): Promise<void> {
    if (!now && performance.now() - this.#toldAt < this.#everyMs) return;
    this.#toldAt = performance.now();
    const told = (["attempts", "calls"] as const).flatMap((kind) =>
      [...this.#counts[kind]].map(([name, count]) => ({ kind, name, ...count })),
    );
    if (told.length === 0) return;
    this.#counts.attempts.clear();
    this.#counts.calls.clear();
    try {
      await addTallies(
        this.#db,
        workerId,
        told.map(({ kind }) => kind),
        told.map(({ name }) => name),
        told.map(({ count }) => count),
        told.map(({ failed }) => failed),
        told.map(({ within }) => `{${within.join(",")}}`),
      );
    } catch (error) {
      for (const { kind, name, count, failed, within } of told) {
        const again = this.#of(kind, name);
        again.count += count;
        again.failed += failed;
        for (const [place, times] of within.entries()) again.within[place]! += times;
      }
      this.#logger.debug(
        { event: "worker.tallies_unnoted", err: error },
        "how attempts ended could not be noted",
      );
    }
  }

  #of(kind: "attempts" | "calls", name: string): Count {
    const label = this.#names[kind].of(name);
    const counts = this.#counts[kind];
    let count = counts.get(label);
    if (!count) {
      count = { count: 0, failed: 0, within: [...NO_TIMES, 0] };
      counts.set(label, count);
    }
    return count;
  }
}

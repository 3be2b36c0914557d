import { Counter, Histogram, type Registry } from "../telemetry/metrics.ts";
import type { LogObserver } from "./run-logs.ts";

const BATCHES = [1, 2, 5, 10, 25, 50, 100, 250, 500];

/** What a worker counts of the lines that its handlers log. */
export class LogMetrics implements LogObserver {
  readonly #lines: Counter<"outcome">;
  readonly #cut: Counter;
  readonly #batches: Histogram;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#lines = new Counter({
      name: "millrace_run_log_lines_total",
      help: "Lines that handlers logged, by whether they are kept with their runs, or why not",
      labelNames: ["outcome"],
      registers,
    });
    this.#cut = new Counter({
      name: "millrace_run_log_cut_total",
      help: "Lines that are kept in part, because they were too long",
      registers,
    });
    this.#batches = new Histogram({
      name: "millrace_run_log_batch_lines",
      help: "Lines that one statement wrote",
      buckets: BATCHES,
      registers,
    });
  }

  written(lines: number, kept: number): void {
    this.#batches.observe({}, lines);
    this.#lines.inc({ outcome: "kept" }, kept);
    // Of attempts whose leases are gone.
    if (lines > kept) this.#lines.inc({ outcome: "late" }, lines - kept);
  }

  cut(): void {
    this.#cut.inc({});
  }

  leftOut(why: "run" | "worker" | "database", lines: number): void {
    this.#lines.inc({ outcome: OUTCOMES[why] }, lines);
  }
}

const OUTCOMES = { run: "over_limit", worker: "no_room", database: "refused" } as const;

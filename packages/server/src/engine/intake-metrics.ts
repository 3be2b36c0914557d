import { BATCHES, Histogram, type Registry } from "../telemetry/metrics.ts";
import type { OnSent } from "./intake.ts";

/** What comes in by this process, whoever asks for it. What is accepted by SQL, as children are, is counted by nobody. */
export class IntakeMetrics {
  readonly #durations: Histogram;
  readonly #runs: Histogram;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#durations = new Histogram({
      name: "millrace_enqueue_duration_seconds",
      help: "Time until a batch of requests for runs was durable",
      registers,
    });
    this.#runs = new Histogram({
      name: "millrace_enqueued_runs",
      help: "New runs that a batch of requests made",
      buckets: BATCHES,
      registers,
    });
  }

  readonly sent: OnSent = (ms, runs) => {
    this.#durations.observe({}, ms / 1000);
    this.#runs.observe({}, runs);
  };
}

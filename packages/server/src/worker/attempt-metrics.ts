import { BoundedLabel, Counter, Histogram, type Registry } from "../telemetry/metrics.ts";
import type { SettledAttempt } from "./attempt.ts";

/** More jobs than this are counted together: a metric must not grow with what people name. */
const MAX_JOB_LABELS = 500;

const OUTCOMES = {
  complete: "completed",
  continue: "completed",
  retry: "failed",
  fail: "failed",
  stop: "cancelled",
  release: "released",
  suspend: "released",
  park: "released",
  crash: "lost",
} as const;

/** What a worker counts of its attempts. Those that were lost are counted by nobody who could: see the reaper's log. */
export class AttemptMetrics {
  readonly #settled: Counter<"job" | "outcome">;
  readonly #durations: Histogram<"job">;
  readonly #claims: Histogram;
  readonly #holds: Counter<"job">;
  readonly #jobs = new BoundedLabel(MAX_JOB_LABELS);

  constructor(registry: Registry) {
    const registers = [registry];
    this.#settled = new Counter({
      name: "millrace_attempts_total",
      help: "Attempts that ended in this process, by outcome",
      labelNames: ["job", "outcome"],
      registers,
    });
    this.#claims = new Histogram({
      name: "millrace_claim_duration_seconds",
      help: "Time that a claim of this process's worker took, whether it got something or not",
      registers,
    });
    this.#durations = new Histogram({
      name: "millrace_attempt_duration_seconds",
      help: "Time from the claim to the end of the handler",
      labelNames: ["job"],
      registers,
    });
    this.#holds = new Counter({
      name: "millrace_job_holds_total",
      help: "Times that a job, or a key of it, was held back because a server asked to wait",
      labelNames: ["job"],
      registers,
    });
  }

  readonly claimed = (ms: number): void => this.#claims.observe({}, ms / 1000);

  readonly held = (job: string): void => {
    this.#holds.inc({ job: this.#jobs.of(job) });
  };

  readonly settled = ({ job, verdict, durationMs }: SettledAttempt): void => {
    const label = this.#jobs.of(job);
    this.#settled.inc({ job: label, outcome: OUTCOMES[verdict] });
    this.#durations.observe({ job: label }, durationMs / 1000);
  };
}

import { BoundedLabel, Counter, type Registry } from "../telemetry/metrics.ts";

/** What the reaper of this process has found dead, and taken back. */
export class ReapMetrics {
  readonly #workers: Counter;
  readonly #attempts: Counter<"job_name" | "next">;
  readonly #jobs = new BoundedLabel();

  constructor(registry: Registry) {
    const registers = [registry];
    this.#workers = new Counter({
      name: "millrace_workers_lost_total",
      help: "Workers that this process has declared lost",
      registers,
    });
    this.#attempts = new Counter({
      name: "millrace_attempts_lost_total",
      help: "Attempts that this process has taken back from lost workers, and what comes then: a retry, a dead letter, or the end of one that was cancelled",
      labelNames: ["job_name", "next"],
      registers,
    });
  }

  readonly lost = (): void => this.#workers.inc({});

  readonly takenBack = ({ job, state }: { job: string; state: string | null }): void => {
    const next = state === null ? "retry" : state === "failed" ? "dead_letter" : "cancelled";
    this.#attempts.inc({ job_name: this.#jobs.of(job), next });
  };
}

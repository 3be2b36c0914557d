import {
  BATCHES,
  BoundedLabel,
  Counter,
  Histogram,
  LONG_SECONDS,
  type Registry,
} from "../telemetry/metrics.ts";
import type { ClaimedRun } from "../store/claim.ts";
import type { SettledAttempt } from "./attempt.ts";

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

/** What a claim gave, and how long it took. */
export interface FinishedClaim {
  ms: number;
  runs: readonly ClaimedRun[];
}

/** What a worker counts of its attempts. Those that were lost with it are counted by the reaper that takes them back. */
export class AttemptMetrics {
  readonly #settled: Counter<"job_name" | "outcome">;
  readonly #failures: Counter<"job_name" | "error" | "next">;
  readonly #durations: Histogram<"job_name">;
  readonly #waits: Histogram<"job_name">;
  readonly #claims: Histogram;
  readonly #claimedRuns: Histogram;
  readonly #records: Histogram;
  readonly #recordedRuns: Histogram;
  readonly #holds: Counter<"job_name">;
  readonly #superseded: Counter<"job_name">;
  readonly #jobs = new BoundedLabel();
  /** Pairs of a job and an error: a job may have as many errors as its author likes. */
  readonly #pairs = new BoundedLabel();
  readonly #series = new Map<string, JobSeries>();

  constructor(registry: Registry) {
    const registers = [registry];
    this.#settled = new Counter({
      name: "millrace_attempts_total",
      help: "Attempts that ended in this process, by outcome",
      labelNames: ["job_name", "outcome"],
      registers,
    });
    this.#failures = new Counter({
      name: "millrace_attempt_failures_total",
      help: "Attempts that failed in this process, by the class of their error, and by what comes then: a retry or a dead letter",
      labelNames: ["job_name", "error", "next"],
      registers,
    });
    this.#waits = new Histogram({
      name: "millrace_run_wait_seconds",
      help: "Time from when a run could start to its claim, each time that it was claimed",
      labelNames: ["job_name"],
      buckets: LONG_SECONDS,
      registers,
    });
    this.#claims = new Histogram({
      name: "millrace_claim_duration_seconds",
      help: "Time that a claim of this process's worker took, whether it got something or not",
      registers,
    });
    this.#claimedRuns = new Histogram({
      name: "millrace_claimed_runs",
      help: "Runs that a claim of this process's worker gave, of those that gave some",
      buckets: BATCHES,
      registers,
    });
    this.#records = new Histogram({
      name: "millrace_record_duration_seconds",
      help: "Time that recording a batch of outcomes took",
      registers,
    });
    this.#recordedRuns = new Histogram({
      name: "millrace_recorded_runs",
      help: "Outcomes that were recorded by one statement",
      buckets: BATCHES,
      registers,
    });
    this.#durations = new Histogram({
      name: "millrace_attempt_duration_seconds",
      help: "Time from the claim to the end of the handler",
      labelNames: ["job_name"],
      buckets: LONG_SECONDS,
      registers,
    });
    this.#superseded = new Counter({
      name: "millrace_attempts_superseded_total",
      help: "Attempts of this process that ended after their lease was lost, so that nothing of them was recorded",
      labelNames: ["job_name"],
      registers,
    });
    this.#holds = new Counter({
      name: "millrace_job_holds_total",
      help: "Times that a job, or a key of it, was held back because a server asked to wait",
      labelNames: ["job_name"],
      registers,
    });
  }

  /** Begins the series of jobs at nothing: Prometheus does not see the first step of a counter that was not there before. */
  expect(jobs: readonly string[]): void {
    for (const job of jobs) {
      const { ended } = this.#of(job);
      for (const outcome of [ended.completed, ended.failed]) outcome.inc(0);
    }
  }

  readonly claimed = ({ ms, runs }: FinishedClaim): void => {
    this.#claims.observe({}, ms / 1000);
    if (runs.length > 0) this.#claimedRuns.observe({}, runs.length);
    for (const { job, waitedMs } of runs) this.#of(job).wait.observe(waitedMs / 1000);
  };

  readonly recorded = (ms: number, outcomes: number): void => {
    this.#records.observe({}, ms / 1000);
    this.#recordedRuns.observe({}, outcomes);
  };

  readonly held = (job: string): void => {
    this.#holds.inc({ job_name: this.#jobs.of(job) });
  };

  readonly superseded = (job: string): void => {
    this.#superseded.inc({ job_name: this.#jobs.of(job) });
  };

  readonly settled = ({ job, verdict, error, durationMs }: SettledAttempt): void => {
    const { ended, duration } = this.#of(job);
    ended[OUTCOMES[verdict]].inc();
    duration.observe(durationMs / 1000);
    if (error === undefined || (verdict !== "retry" && verdict !== "fail")) return;
    const known = this.#pairs.of(`${job} ${error}`) !== "other";
    this.#failures.inc({
      job_name: this.#jobs.of(job),
      error: known ? error : "other",
      next: verdict === "retry" ? "retry" : "dead_letter",
    });
  };

  /** Labels are written once for each job: there may be a hundred thousand runs a second. */
  #of(job: string): JobSeries {
    const label = this.#jobs.of(job);
    let series = this.#series.get(label);
    if (!series) {
      const ended = (outcome: Ended) => this.#settled.labels({ job_name: label, outcome });
      series = {
        wait: this.#waits.labels({ job_name: label }),
        duration: this.#durations.labels({ job_name: label }),
        ended: {
          completed: ended("completed"),
          failed: ended("failed"),
          cancelled: ended("cancelled"),
          released: ended("released"),
          lost: ended("lost"),
        },
      };
      this.#series.set(label, series);
    }
    return series;
  }
}

type Ended = (typeof OUTCOMES)[keyof typeof OUTCOMES];

interface JobSeries {
  wait: { observe(seconds: number): void };
  duration: { observe(seconds: number): void };
  ended: Record<Ended, { inc(by?: number): void }>;
}

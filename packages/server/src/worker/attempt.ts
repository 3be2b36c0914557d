import { type Failure, toFailure } from "@millrace/core";
import type { Evidence } from "@millrace/core/api";
import type { Job } from "@millrace/sdk";
import type { HttpClient } from "@millrace/sdk/http";
import type { Outcome, Settled } from "../engine/settle.ts";
import type { WaitLook } from "../engine/wait-look.ts";
import type { Recipient } from "../runtime/batcher.ts";
import type { ClaimedRun } from "../store/claim.ts";
import type { Logger } from "../telemetry/logger.ts";
import { AttemptContext } from "./attempt-context.ts";
import { AttemptSpan } from "./attempt-span.ts";
import { chargedCost } from "./charged-cost.ts";
import type { CostSettler } from "./cost-settler.ts";
import type { ExecutionWatcher } from "./executor.ts";
import { guardOutcome } from "./guard-outcome.ts";
import { sealFailure, sealOutcome } from "./seal-outcome.ts";
import type { LoopWatch } from "./loop-watch.ts";
import type { CheckpointKeeper } from "./checkpoint-keeper.ts";
import type { RunOutput } from "./run-output.ts";
import type { Settler } from "./settler.ts";
import type { Suspects } from "./suspects.ts";

/** Where what an attempt says and how it ends is recorded. */
export interface Recorder {
  readonly settler: Settler;
  readonly output: RunOutput;
  readonly checkpoints: CheckpointKeeper;
  readonly waits: Pick<WaitLook, "soon">;
  readonly costs: CostSettler;
  readonly http: HttpClient;
  readonly suspects: Suspects;
}

export interface SettledAttempt {
  job: string;
  /** As it was recorded: a retry that would have come too late has failed. */
  verdict: Outcome["verdict"];
  /** The class of the error that it failed with. */
  error: string | undefined;
  /** From the claim to the end of the handler. */
  durationMs: number;
}

/** As it is on record: without secrets, and what it says of somebody encrypted. */
export interface FailedAttempt {
  run: ClaimedRun;
  workerId: number;
  /** Of the job's code. */
  version: string | null;
  failure: Failure;
  traceId: string | undefined;
  /** Whether its texts are encrypted. */
  sealed: boolean;
  /** What has become of the run, as far as the worker knows: what a crash means, the database decides. */
  became: "dead_letter" | "retry" | "crash";
}

export interface AttemptOptions {
  logger: Logger;
  /** Which long block of the event loop, if any, has just ended or still lasts. */
  loopWatch: Pick<LoopWatch, "reporting">;
  /** Whether spans are recorded in this process. */
  traced: boolean;
  onCrash?: ((job: string, evidence: Evidence) => void) | undefined;
  /** Told when a handler ignored its signal for the whole grace, and was ended by force or keeps its slot. */
  onIgnored?: ((job: string, forced: boolean) => void) | undefined;
  onSettled?: ((attempt: SettledAttempt) => void) | undefined;
  /** Told of every attempt whose lease was lost, so that its outcome is not on record. */
  onSuperseded?: ((job: string) => void) | undefined;
  /** Told of every attempt that has failed, or died, once that is on record. */
  onFailed?: ((attempt: FailedAttempt) => void) | undefined;
  /** Called when a server that a handler calls has asked all of its job, or of a key of it, to wait. */
  onHold: (job: string, key: string | null, forMs: number, reason: string) => void;
}

/** Who counts the attempts of a worker. */
export interface AttemptKeeper {
  /** The handler has let go of its slot. */
  handlerEnded(attempt: Attempt): void;
  /** The handler does not let go, though its outcome is being recorded. */
  stuck(attempt: Attempt): void;
  /** The outcome is on record, or never will be. */
  over(attempt: Attempt): void;
}

/**
 * One attempt, from its claim until its outcome is on record. It is told what happens instead of waiting for it: a promise
 * for each of those steps would cost more than all the rest of an attempt whose handler returns at once.
 */
export class Attempt implements ExecutionWatcher, Recipient<Settled> {
  readonly run: ClaimedRun;
  readonly job: Job;
  readonly context: AttemptContext;
  readonly #recorder: Recorder;
  readonly #options: AttemptOptions;
  readonly #keeper: AttemptKeeper;
  readonly #span: AttemptSpan | undefined;
  readonly #startedAt = performance.now();
  #durationMs = 0;
  #outcome!: Outcome;
  #recordedItself = false;

  constructor(
    run: ClaimedRun,
    job: Job,
    recorder: Recorder,
    options: AttemptOptions,
    keeper: AttemptKeeper,
  ) {
    this.run = run;
    this.job = job;
    this.#span = options.traced ? AttemptSpan.of(run) : undefined;
    this.context = new AttemptContext(run, job, recorder, this.#span?.traceId);
    this.#recorder = recorder;
    this.#options = options;
    this.#keeper = keeper;
  }

  /** Whether it has a span, in which its handler is to be started. */
  get traced(): boolean {
    return this.#span !== undefined;
  }

  /** Does something within its span, if it has one. */
  within<T>(work: () => T): T {
    return this.#span ? this.#span.within(work) : work();
  }

  concluded(concluded: Outcome): void {
    this.#span?.handlerEnded();
    const guarded = guardOutcome(concluded, this.job, this.#recorder.output.masks);
    const { seal } = this.context;
    const outcome = seal ? sealOutcome(guarded, seal, this.run, this.job) : guarded;
    this.#outcome = outcome;
    this.#durationMs = performance.now() - this.#startedAt;
    this.context.conclude();
    if (outcome.verdict === "crash") this.#options.onCrash?.(this.run.job, outcome.evidence);
    if (!this.#owes) return this.#record();
    this.#payFirst().then(
      () => this.#record(),
      (error: unknown) => this.reject(error),
    );
  }

  handlerEnded(): void {
    this.#keeper.handlerEnded(this);
  }

  ignored(forced: boolean): void {
    this.#options.onIgnored?.(this.run.job, forced);
    if (forced) {
      const message = "the handler ignored its signal, and was ended by force";
      this.#options.logger.warn({ event: "attempt.killed", ...this.ids }, message);
    } else {
      this.#keeper.stuck(this);
    }
  }

  /** Its outcome has been recorded, or refused. */
  resolve(settled: Settled): void {
    const what = this.#recordedItself ? "recorded" : settled;
    this.#span?.end(this.#outcome, what, this.context.seal !== undefined);
    try {
      this.#report(what);
      if (what === "recorded" || what === "out of time") this.#afterwards(what);
      else if (what === "lease lost") this.#options.onSuperseded?.(this.run.job);
    } catch (error) {
      this.#options.logger.error(
        { event: "outcome.aftermath_failed", err: error, ...this.ids },
        "after an outcome was recorded",
      );
    }
    this.#keeper.over(this);
  }

  /** Its outcome could not be recorded. */
  reject(error: unknown): void {
    this.#options.logger.error(
      { event: "outcome.unrecorded", err: error, ...this.ids },
      "an outcome could not be recorded",
    );
    this.#span?.abandon();
    this.#keeper.over(this);
  }

  /** What its log lines say of it. */
  get ids() {
    const { runId, job, attempt, correlationId, traceId } = this.context;
    const ids = { run: runId, job, attempt, correlation: correlationId };
    return traceId === undefined ? ids : { ...ids, trace_id: traceId };
  }

  /** Whether something has to be on record before the outcome, for which there must still be a lease. Most have nothing to say. */
  get #owes(): boolean {
    const { inline, mayHold } = this.context;
    return (
      (inline && this.#options.loopWatch.reporting !== undefined) ||
      this.#recorder.output.owes(this.run.id) ||
      this.context.publications?.owes === true ||
      mayHold
    );
  }

  async #payFirst(): Promise<void> {
    const { settler, output } = this.#recorder;
    // That it was running when the event loop was blocked.
    if (this.context.inline) await this.#options.loopWatch.reporting;
    await output.flush(this.run.id);
    await this.#publishFirst();
    if (!this.context.mayHold) return;
    const completed = await settler.wasCompleted(this.#outcome);
    this.#recordedItself = completed && this.context.ownTransaction?.begun === true;
    if (!this.#recordedItself) return;
    // Its own transaction has recorded the outcome; what is left to do is to take the run out of its lease.
    const { leaseId, runId } = this.#outcome;
    this.#outcome = { leaseId, runId, verdict: "complete", output: null };
  }

  /** What a run was to publish and may not fails it for good: nobody else would learn of it. */
  async #publishFirst(): Promise<void> {
    const refused = await this.context.publications?.flush();
    const { leaseId, runId, verdict } = this.#outcome;
    if (refused === undefined || !["complete", "continue", "suspend"].includes(verdict)) return;
    const failure = toFailure(refused);
    const { seal } = this.context;
    this.#outcome = {
      ...{ leaseId, runId, verdict: "fail" },
      failure: seal ? sealFailure(failure, seal) : failure,
    };
  }

  #record(): void {
    this.#recorder.settler.push(this.#outcome, this);
  }

  /** What an attempt that is on record means for others: what it cost, and who must wait. */
  #afterwards(settled: "recorded" | "out of time"): void {
    const { run, job, context } = this;
    const outcome = this.#outcome;
    if (context.units !== undefined) {
      this.#recorder.costs.settle(run, chargedCost(job.flow, run.input), context.units);
    }
    if (outcome.verdict === "retry" && outcome.hold) {
      // The key of runs that have none in their input is empty, and is one like any other.
      const keyed = outcome.hold === "key" && job.flow.key !== undefined;
      const key = keyed && run.passed ? run.passed.key : null;
      this.#options.onHold(run.job, key, outcome.delayMs, this.#told(outcome.failure));
    }
    const { verdict } = outcome;
    const leaves = this.context.leavesWaits && isFinal(verdict);
    if (leaves) this.#forgetWaits();
    // Its parent may wait for this.
    else if (run.trigger === "parent" && verdict !== "suspend") this.#recorder.waits.soon();
    this.#options.onSettled?.({
      job: run.job,
      verdict: settled === "out of time" ? "fail" : verdict,
      error: "failure" in outcome ? outcome.failure?.class : undefined,
      durationMs: this.#durationMs,
    });
    if (verdict !== "retry" && verdict !== "fail" && verdict !== "crash") return;
    this.#options.onFailed?.({
      run,
      workerId: this.#recorder.output.workerId,
      version: job.version,
      failure: outcome.failure,
      traceId: context.traceId,
      sealed: context.seal !== undefined,
      became: verdict === "fail" || settled === "out of time" ? "dead_letter" : verdict,
    });
  }

  #forgetWaits(): void {
    const { checkpoints, waits } = this.#recorder;
    checkpoints.forget([this.run.id]).then(
      // Among them may be waits for children, of which nobody will ask.
      () => waits.soon(),
      (error: unknown) => {
        this.#options.logger.debug(
          { event: "run.waits_unforgotten", err: error, ...this.ids },
          "its waits are forgotten later",
        );
      },
    );
  }

  /** What a failure says, for others than who may look at the run. */
  #told({ message }: Failure): string {
    return this.context.seal ? "what it says is kept with its run, encrypted" : message;
  }

  #report(settled: Settled): void {
    const outcome = this.#outcome;
    const { logger } = this.#options;
    const refused = settled === "lease lost";
    if (outcome.verdict === "complete" && !refused && !logger.isLevelEnabled("debug")) return;
    const { ids } = this;
    if (refused) {
      logger.warn(
        { event: "attempt.superseded", ...ids },
        "the lease was lost; the outcome of this attempt was not recorded",
      );
    } else if (outcome.verdict === "complete") {
      logger.debug({ event: "attempt.completed", ...ids }, "completed");
    } else if (outcome.verdict === "retry" && settled === "out of time") {
      const { failure } = outcome;
      logger.error(
        { event: "attempt.failed", ...ids, error: failure.class, next: "dead_letter" },
        `${this.#told(failure)}; its retries have taken as long as they may`,
      );
    } else if (outcome.verdict === "retry") {
      const { failure, delayMs } = outcome;
      logger.warn(
        {
          event: "attempt.failed",
          ...ids,
          error: failure.class,
          next: "retry",
          retryInMs: delayMs,
        },
        this.#told(failure),
      );
    } else if (outcome.verdict === "crash") {
      const { failure, evidence } = outcome;
      logger.error(
        { event: "attempt.crashed", ...ids, error: failure.class, evidence },
        this.#told(failure),
      );
    } else if (outcome.verdict === "fail") {
      const { failure } = outcome;
      logger.error(
        { event: "attempt.failed", ...ids, error: failure.class, next: "dead_letter" },
        this.#told(failure),
      );
    } else if (outcome.verdict === "continue") {
      logger.debug({ event: "attempt.continued", ...ids }, "continues as a new run");
    } else if (outcome.verdict === "park") {
      logger.warn({ event: "attempt.parked", ...ids }, `needs other code: ${outcome.message}`);
    } else if (outcome.verdict === "suspend") {
      logger.debug({ event: "attempt.suspended", ...ids }, "waits");
    } else if (outcome.verdict === "release" && outcome.failure) {
      const { failure } = outcome;
      logger.warn(
        { event: "attempt.released", ...ids, error: failure.class },
        `handed back: ${this.#told(failure)}`,
      );
    } else if (outcome.verdict === "stop") {
      logger.info({ event: "attempt.cancelled", ...ids }, "cancelled");
    } else {
      logger.info({ event: "attempt.released", ...ids }, "handed back");
    }
  }
}

/** Whether a run has ended with that. One that was cancelled instead of being retried is forgotten later. */
function isFinal(verdict: Outcome["verdict"]): boolean {
  return ["complete", "continue", "fail", "stop"].includes(verdict);
}

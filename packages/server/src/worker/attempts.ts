import { Aborted, type Job } from "@millrace/sdk";
import type { JobRegistry } from "../engine/job-registry.ts";
import type { Outcome, Settled } from "../engine/settle.ts";
import type { ClaimedRun } from "../store/claim.ts";
import type { Logger } from "../telemetry/logger.ts";
import { AttemptContext } from "./attempt-context.ts";
import { type ExecutedBatch, executeBatch } from "./batch-executor.ts";
import { chargedCost } from "./charged-cost.ts";
import type { CostSettler } from "./cost-settler.ts";
import { type Executed, execute } from "./executor.ts";
import type { RunOutput } from "./run-output.ts";
import type { Settler } from "./settler.ts";

/** Where what an attempt says and how it ends is recorded. */
export interface Recorder {
  readonly settler: Settler;
  readonly output: RunOutput;
  readonly costs: CostSettler;
}

export interface SettledAttempt {
  job: string;
  verdict: Outcome["verdict"];
  /** From the claim to the end of the handler. */
  durationMs: number;
}

export interface AttemptsOptions {
  registry: JobRegistry;
  logger: Logger;
  onSettled?: ((attempt: SettledAttempt) => void) | undefined;
  /** Called when a server that a handler calls has asked all of its job, or of a key of it, to wait. */
  onHold: (job: string, key: string | null, forMs: number, reason: string) => void;
  /** Called when a slot has become free, or an outcome is on record. */
  onRoom: () => void;
}

/** The attempts that a worker has under way, from the claim until their outcome is on record. */
export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #logger: Logger;
  readonly #contexts = new Map<string, AttemptContext>();
  #busy = 0;
  #onEmpty: () => void = () => {};

  constructor(options: AttemptsOptions) {
    this.#options = options;
    this.#logger = options.logger;
  }

  /** Slots taken: also by handlers whose outcome is on record, but who have not let go. */
  get busy(): number {
    return this.#busy;
  }

  /** Runs whose outcome is not on record yet. */
  get runs(): string[] {
    return [...this.#contexts.keys()];
  }

  /** The leases of these runs. */
  get leases(): number[] {
    return [...new Set([...this.#contexts.values()].map((context) => context.leaseId))];
  }

  get count(): number {
    return this.#contexts.size;
  }

  /** Starts the handlers of runs that were claimed together. */
  start(runs: readonly ClaimedRun[], recorder: Recorder): void {
    const started = inCalls(runs).map((call) =>
      Array.isArray(call) ? this.#beginBatch(call, recorder) : this.#begin(call, recorder, execute),
    );
    // One turn of the event loop later, when the quick ones have ended.
    setImmediate(() => {
      for (const { armTimeout } of started) armTimeout();
    });
  }

  /** Hands runs back whose handlers have not been started. */
  handBack(runs: readonly ClaimedRun[], recorder: Recorder): void {
    for (const run of runs) this.#begin(run, recorder, released);
  }

  abort(run: string, why: Aborted["why"], message: string): void {
    this.#contexts.get(run)?.abort(new Aborted(why, message));
  }

  abortAll(why: Aborted["why"], message: string): void {
    for (const run of this.runs) this.abort(run, why, message);
  }

  /** Whether everything was on record before the time was over. */
  endedWithin(ms: number): Promise<boolean> {
    if (this.count === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), ms);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  #begin(run: ClaimedRun, recorder: Recorder, how: typeof execute): Executed {
    const job = this.#jobOf(run);
    const context = new AttemptContext(run, recorder.output);
    this.#contexts.set(run.id, context);
    this.#busy++;
    const executed = how(run, job, context);
    void executed.handlerEnded.then(this.#freeSlot);
    void this.#conclude(run, context, executed, recorder);
    return executed;
  }

  /** The runs of a batch share a slot, and a call of the handler. */
  #beginBatch(runs: readonly ClaimedRun[], recorder: Recorder): ExecutedBatch {
    const job = this.#jobOf(runs[0]!);
    const members = runs.map((run) => ({ run, context: new AttemptContext(run, recorder.output) }));
    for (const { run, context } of members) this.#contexts.set(run.id, context);
    this.#busy++;
    const executed = executeBatch(members, job);
    const { handlerEnded, armTimeout } = executed;
    void handlerEnded.then(this.#freeSlot);
    members.forEach(({ run, context }, n) => {
      const outcome = executed.outcomes.then((outcomes) => outcomes[n]!);
      void this.#conclude(run, context, { outcome, handlerEnded, armTimeout }, recorder);
    });
    return executed;
  }

  #jobOf(run: ClaimedRun): Job {
    const job = this.#options.registry.get(run.job);
    if (!job) throw new Error(`claimed a run of ${run.job}, which this worker does not know`);
    return job;
  }

  readonly #freeSlot = (): void => {
    this.#busy--;
    this.#options.onRoom();
  };

  async #conclude(
    run: ClaimedRun,
    context: AttemptContext,
    executed: Executed,
    recorder: Recorder,
  ): Promise<void> {
    const startedAt = performance.now();
    try {
      let outcome = await executed.outcome;
      context.conclude();
      const durationMs = performance.now() - startedAt;
      const said = recorder.output.flush(run.id);
      if (said) await said;
      const own = context.ownTransaction?.begun && (await recorder.settler.wasCompleted(outcome));
      // Its own transaction has recorded the outcome; what is left to do is to take the run out of its lease.
      if (own) outcome = { ...idsOf(outcome), verdict: "complete", output: null };
      const settled = await recorder.settler.add(outcome);
      const recorded = own || settled === "recorded" || settled === "out of time";
      this.#report(context, outcome, own ? "recorded" : settled);
      if (recorded) {
        this.#afterwards(run, context, outcome, recorder);
        this.#options.onSettled?.({ job: run.job, verdict: outcome.verdict, durationMs });
      }
    } catch (error) {
      this.#logger.error({ err: error, run: run.id }, "an outcome could not be recorded");
    }
    // The same run may be here again: claimed anew after its lease was lost.
    if (this.#contexts.get(run.id) === context) this.#contexts.delete(run.id);
    if (this.count === 0) this.#onEmpty();
    this.#options.onRoom();
  }

  /** What an attempt that is on record means for others: what it cost, and who must wait. */
  #afterwards(
    run: ClaimedRun,
    context: AttemptContext,
    outcome: Outcome,
    recorder: Recorder,
  ): void {
    if (context.units !== undefined) {
      recorder.costs.settle(run, chargedCost(this.#jobOf(run).flow, run.input), context.units);
    }
    if (outcome.verdict === "retry" && outcome.hold) {
      // The key of runs that have none in their input is empty, and is one like any other.
      const keyed = outcome.hold === "key" && this.#jobOf(run).flow.key !== undefined;
      const key = keyed && run.passed ? run.passed.key : null;
      this.#options.onHold(run.job, key, outcome.delayMs, outcome.failure.message);
    }
  }

  #report(context: AttemptContext, outcome: Outcome, settled: Settled): void {
    const refused = settled === "lease lost";
    if (outcome.verdict === "complete" && !refused && !this.#logger.isLevelEnabled("debug")) return;
    const ids = {
      run: context.runId,
      job: context.job,
      attempt: context.attempt,
      correlation: context.correlationId,
    };
    if (refused) {
      this.#logger.warn(ids, "the lease was lost; the outcome of this attempt was not recorded");
    } else if (outcome.verdict === "complete") {
      this.#logger.debug(ids, "completed");
    } else if (outcome.verdict === "retry" && settled === "out of time") {
      const { failure } = outcome;
      this.#logger.error(
        { ...ids, error: failure.class },
        `${failure.message}; its retries have taken as long as they may`,
      );
    } else if (outcome.verdict === "retry") {
      const { failure, delayMs } = outcome;
      this.#logger.warn({ ...ids, error: failure.class, retryInMs: delayMs }, failure.message);
    } else if (outcome.verdict === "fail") {
      this.#logger.error({ ...ids, error: outcome.failure.class }, outcome.failure.message);
    } else {
      this.#logger.info(ids, outcome.verdict === "stop" ? "cancelled" : "handed back");
    }
  }
}

/** Runs that a batch handler takes together, and single runs. */
function inCalls(runs: readonly ClaimedRun[]): (ClaimedRun | ClaimedRun[])[] {
  const calls: (ClaimedRun | ClaimedRun[])[] = [];
  const batches = new Map<number, ClaimedRun[]>();
  for (const run of runs) {
    if (!run.passed?.batch) {
      calls.push(run);
      continue;
    }
    const batch = batches.get(run.leaseId);
    if (batch) batch.push(run);
    else {
      const first = [run];
      batches.set(run.leaseId, first);
      calls.push(first);
    }
  }
  return calls;
}

function idsOf({ leaseId, runId }: Outcome): Pick<Outcome, "leaseId" | "runId"> {
  return { leaseId, runId };
}

/** In the place of {@link execute}, for a run whose handler is not to be started. */
function released({ leaseId, id }: ClaimedRun): Executed {
  return {
    outcome: Promise.resolve({ leaseId, runId: id, verdict: "release" }),
    handlerEnded: Promise.resolve(),
    armTimeout: () => {},
  };
}

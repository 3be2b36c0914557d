import type { Evidence } from "@millrace/core/api";
import { Aborted, type Job } from "@millrace/sdk";
import type { JobRegistry } from "../engine/job-registry.ts";
import type { Outcome, Settled } from "../engine/settle.ts";
import type { ClaimedRun } from "../store/claim.ts";
import type { Logger } from "../telemetry/logger.ts";
import { AttemptContext } from "./attempt-context.ts";
import { type ExecutedBatch, executeBatch } from "./batch-executor.ts";
import { chargedCost } from "./charged-cost.ts";
import type { CostSettler } from "./cost-settler.ts";
import { type Executed, execute, startHere } from "./executor.ts";
import type { Handling } from "./handling.ts";
import type { Lane, Lanes } from "./isolation/lanes.ts";
import type { LoopWatch } from "./loop-watch.ts";
import type { RunOutput } from "./run-output.ts";
import type { Settler } from "./settler.ts";
import { Solitude } from "./solitude.ts";
import { startLater } from "./start-later.ts";
import type { Suspects } from "./suspects.ts";

/** Where what an attempt says and how it ends is recorded. */
export interface Recorder {
  readonly settler: Settler;
  readonly output: RunOutput;
  readonly costs: CostSettler;
  readonly suspects: Suspects;
}

export interface SettledAttempt {
  job: string;
  verdict: Outcome["verdict"];
  /** From the claim to the end of the handler. */
  durationMs: number;
}

export interface AttemptsOptions {
  registry: JobRegistry;
  lanes: Lanes;
  logger: Logger;
  /** Which long block of the event loop, if any, has just ended or still lasts. */
  loopWatch: Pick<LoopWatch, "reporting">;
  onCrash?: ((job: string, evidence: Evidence) => void) | undefined;
  /** Told when a handler ignored its signal for the whole grace, and was ended by force or keeps its slot. */
  onIgnored?: ((job: string, forced: boolean) => void) | undefined;
  onSettled?: ((attempt: SettledAttempt) => void) | undefined;
  /** Called when a server that a handler calls has asked all of its job, or of a key of it, to wait. */
  onHold: (job: string, key: string | null, forMs: number, reason: string) => void;
  /** Called when a slot has become free, or an outcome is on record. */
  onRoom: () => void;
}

type Start = (run: ClaimedRun, job: Job, context: AttemptContext, recorder: Recorder) => Executed;

/** The attempts that a worker has under way, from the claim until their outcome is on record. */
export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #logger: Logger;
  readonly #contexts = new Map<string, AttemptContext>();
  readonly #stuck = new Set<AttemptContext>();
  readonly #solitude = new Solitude(() => this.count);
  #busy = 0;
  #waiting = 0;
  #onEmpty: () => void = () => {};

  constructor(options: AttemptsOptions) {
    this.#options = options;
    this.#logger = options.logger;
  }

  /** Slots taken: also by handlers whose outcome is on record, but who have not let go. */
  get busy(): number {
    return this.#busy - this.#waiting;
  }

  /** Suspects that wait for a place of their own. They take no slot from others. */
  get waiting(): number {
    return this.#waiting;
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

  /** Whether a run is, or wants to be, the only one: until it has ended nothing may be started beside it. */
  get alone(): boolean {
    return this.#solitude.wanted;
  }

  /** Runs whose handlers keep their slot though their outcome is on record: they do not let go, and cannot be forced. */
  get stuck(): string[] {
    return [...this.#stuck].map((context) => context.runId);
  }

  /** Runs that are executed on the event loop of this process. */
  get inline(): AttemptContext[] {
    return [...this.#contexts.values()].filter((context) => context.inline);
  }

  /** Starts the handlers of runs that were claimed together. */
  start(runs: readonly ClaimedRun[], recorder: Recorder): void {
    const started = inCalls(runs).map((call) =>
      Array.isArray(call)
        ? this.#beginBatch(call, recorder)
        : this.#begin(call, recorder, this.#execute),
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

  #begin(run: ClaimedRun, recorder: Recorder, how: Start): Executed {
    const job = this.#jobOf(run);
    const context = new AttemptContext(run, recorder.output);
    this.#contexts.set(run.id, context);
    this.#busy++;
    const executed = how(run, job, context, recorder);
    void executed.handlerEnded.then(this.#freeSlot);
    void this.#conclude(run, context, executed, recorder);
    return executed;
  }

  /** The runs of a batch share a slot, and a call of the handler. */
  #beginBatch(runs: readonly ClaimedRun[], recorder: Recorder): ExecutedBatch {
    const job = this.#jobOf(runs[0]!);
    const members = runs.map((run) => ({ run, context: new AttemptContext(run, recorder.output) }));
    for (const { run, context } of members) {
      context.inline = true;
      this.#contexts.set(run.id, context);
    }
    this.#busy++;
    const executed = executeBatch(members, job, () => {
      for (const { context } of members) this.#ignored(context, false, executed);
    });
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

  readonly #execute = (
    run: ClaimedRun,
    job: Job,
    context: AttemptContext,
    recorder: Recorder,
  ): Executed => {
    const lane = this.#options.lanes.laneOf(run, job);
    context.inline = lane === "inline" || lane === "alone";
    const executed = execute(run, job, context, {
      handling: this.#place(run, job, context, recorder, lane),
      onIgnored: (forced) => this.#ignored(context, forced, executed),
    });
    return executed;
  };

  /** The handling of a run that is not simply started here. */
  #place(
    run: ClaimedRun,
    job: Job,
    context: AttemptContext,
    { suspects }: Recorder,
    lane: Lane,
  ): Handling | undefined {
    if (lane === "inline") return undefined;
    const start = () =>
      lane === "alone"
        ? startHere(run, job, context)
        : this.#options.lanes.start(run, job, context, lane);
    if (run.losses === 0) return start();
    const turn = lane === "alone" ? this.#solitude.turn(context) : Promise.resolve();
    const handling = startLater(
      turn.then(() => suspects.startsIn(lane, run, context)),
      start,
    );
    this.#waiting++;
    void Promise.race([handling.begun, handling.ended]).then(() => this.#waiting--);
    return handling;
  }

  #ignored(
    context: AttemptContext,
    forced: boolean,
    { handlerEnded }: Pick<Executed, "handlerEnded">,
  ): void {
    this.#options.onIgnored?.(context.job, forced);
    const ids = idsFor(context);
    if (forced) {
      this.#logger.warn(ids, "the handler ignored its signal, and was ended by force");
      return;
    }
    this.#stuck.add(context);
    this.#logger.error(ids, "the handler ignores its signal, and keeps its slot until it ends");
    void handlerEnded.then(() => {
      this.#stuck.delete(context);
      this.#logger.info(ids, "the handler that ignored its signal has ended");
    });
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
      if (outcome.verdict === "crash") this.#options.onCrash?.(run.job, outcome.evidence);
      // While it has its lease, it is put on record that it was running when the event loop was blocked.
      const reported = context.inline && this.#options.loopWatch.reporting;
      if (reported) await reported;
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
    this.#solitude.leave(context);
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
    const ids = idsFor(context);
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
    } else if (outcome.verdict === "crash") {
      const { failure, evidence } = outcome;
      this.#logger.error({ ...ids, error: failure.class, evidence }, failure.message);
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
    // A suspect is executed away from others, as a batch of one.
    if (!run.passed?.batch || run.losses > 0) {
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

function idsFor({ runId, job, attempt, correlationId }: AttemptContext) {
  return { run: runId, job, attempt, correlation: correlationId };
}

/** In the place of execution, for a run whose handler is not to be started. */
function released({ leaseId, id }: ClaimedRun): Executed {
  return {
    outcome: Promise.resolve({ leaseId, runId: id, verdict: "release" }),
    handlerEnded: Promise.resolve(),
    armTimeout: () => {},
  };
}

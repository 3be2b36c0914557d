import { Aborted } from "@millrace/sdk";
import type { JobRegistry } from "../engine/job-registry.ts";
import type { Subjects } from "../engine/subjects/subjects.ts";
import type { ClaimedRun } from "../store/claim.ts";
import { Attempt, type AttemptKeeper, type AttemptOptions, type Recorder } from "./attempt.ts";
import { type BatchWatcher, executeBatch } from "./batch-executor.ts";
import { type UnderWay, execute, startHere } from "./executor.ts";
import type { Handling } from "./handling.ts";
import type { Lane, Lanes } from "./isolation/lanes.ts";
import { Solitude } from "./solitude.ts";
import { giveSecrets } from "./give-secrets.ts";
import { openSubject } from "./open-subject.ts";
import type { SecretLeases } from "./secret-leases.ts";
import { startLater } from "./start-later.ts";

export interface AttemptsOptions extends AttemptOptions {
  registry: JobRegistry;
  lanes: Lanes;
  secrets: SecretLeases;
  subjects: Subjects;
  /** Called when a slot has become free, or an outcome is on record. */
  onRoom: () => void;
}

/** The attempts that a worker has under way, from the claim until their outcome is on record. */
export class Attempts implements AttemptKeeper {
  readonly #options: AttemptsOptions;
  readonly #attempts = new Map<string, Attempt>();
  readonly #stuck = new Set<Attempt>();
  /** Those for which a place of its own is kept: what gives it back. */
  readonly #expected = new Map<Attempt, () => void>();
  readonly #solitude = new Solitude(() => this.count);
  #busy = 0;
  #waiting = 0;
  #onEmpty: () => void = () => {};

  constructor(options: AttemptsOptions) {
    this.#options = options;
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
    return [...this.#attempts.keys()];
  }

  /** The leases of these runs. */
  get leases(): number[] {
    return [...new Set([...this.#attempts.values()].map(({ run }) => run.leaseId))];
  }

  get count(): number {
    return this.#attempts.size;
  }

  /** Whether a run is, or wants to be, the only one: until it has ended nothing may be started beside it. */
  get alone(): boolean {
    return this.#solitude.wanted;
  }

  /** Runs whose handlers keep their slot though their outcome is on record: they do not let go, and cannot be forced. */
  get stuckRuns(): string[] {
    return [...this.#stuck].map(({ run }) => run.id);
  }

  /** Attempts that are executed on the event loop of this process. */
  get inline(): Attempt[] {
    return [...this.#attempts.values()].filter(({ context }) => context.inline);
  }

  /** Starts the handlers of runs that were claimed together. */
  start(runs: readonly ClaimedRun[], recorder: Recorder): void {
    const underWay: UnderWay[] = [];
    for (const call of inCalls(runs)) {
      const started = Array.isArray(call)
        ? this.#beginBatch(call, recorder)
        : this.#beginOne(call, recorder);
      if (started) underWay.push(started);
    }
    if (underWay.length === 0) return;
    // One turn of the event loop later, when more of the quick ones have ended.
    setImmediate(() => {
      for (const handler of underWay) handler.armTimeout();
    });
  }

  /** Hands runs back whose handlers have not been started. */
  handBack(runs: readonly ClaimedRun[], recorder: Recorder): void {
    for (const run of runs) {
      this.#busy++;
      const attempt = this.#begin(run, recorder);
      attempt.handlerEnded();
      attempt.concluded({ leaseId: run.leaseId, runId: run.id, verdict: "release" });
    }
  }

  abort(run: string, why: Aborted["why"], message: string): void {
    this.#attempts.get(run)?.context.abort(new Aborted(why, message));
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

  handlerEnded(attempt: Attempt): void {
    this.#arrived(attempt);
    if (this.#stuck.delete(attempt)) {
      const message = "the handler that ignored its signal has ended";
      this.#options.logger.info({ event: "attempt.let_go", ...attempt.ids }, message);
    }
    this.#busy--;
    this.#options.onRoom();
  }

  stuck(attempt: Attempt): void {
    this.#stuck.add(attempt);
    const message = "the handler ignores its signal, and keeps its slot until it ends";
    this.#options.logger.error({ event: "attempt.stuck", ...attempt.ids }, message);
  }

  over(attempt: Attempt): void {
    const { id } = attempt.run;
    // The same run may be here again: claimed anew after its lease was lost.
    if (this.#attempts.get(id) === attempt) this.#attempts.delete(id);
    this.#solitude.leave(attempt);
    if (this.count === 0) this.#onEmpty();
    this.#options.onRoom();
  }

  /** It has its place, or wants none any more. */
  #arrived(attempt: Attempt): void {
    this.#expected.get(attempt)?.();
    this.#expected.delete(attempt);
  }

  #begin(run: ClaimedRun, recorder: Recorder): Attempt {
    const job = this.#options.registry.get(run.job);
    if (!job) throw new Error(`claimed a run of ${run.job}, which this worker does not know`);
    const attempt = new Attempt(run, job, recorder, this.#options, this);
    this.#attempts.set(run.id, attempt);
    return attempt;
  }

  #beginOne(run: ClaimedRun, recorder: Recorder): UnderWay | undefined {
    const attempt = this.#begin(run, recorder);
    const { job, context } = attempt;
    const lane = this.#options.lanes.laneOf(run, job);
    context.inline = lane === "inline" || lane === "alone";
    this.#busy++;
    const start = lane === "inline" ? undefined : () => this.#place(attempt, recorder, lane);
    // Suspects have places of their own.
    if ((lane === "thread" || lane === "process") && run.losses === 0) {
      this.#expected.set(attempt, this.#options.lanes.expect(lane));
    }
    const { secrets, subjects } = this.#options;
    const give = () => giveSecrets(attempt, secrets, start);
    return attempt.within(() => execute(attempt, attempt, openSubject(attempt, subjects, give)));
  }

  /** The runs of a batch share a slot, and a call of the handler. */
  #beginBatch(runs: readonly ClaimedRun[], recorder: Recorder): UnderWay {
    const attempts = runs.map((run) => this.#begin(run, recorder));
    const [first] = attempts as [Attempt];
    for (const { context } of attempts) context.inline = true;
    this.#busy++;
    // One call is a part of one trace: that of the first run that has one.
    const traced = attempts.find((attempt) => attempt.traced) ?? first;
    const watcher: BatchWatcher = {
      concluded: (outcomes) => outcomes.forEach((outcome, n) => attempts[n]!.concluded(outcome)),
      handlerEnded: () => first.handlerEnded(),
      ignored: () => first.ignored(false),
    };
    return traced.within(() => executeBatch(attempts, first.job, this.#options.secrets, watcher));
  }

  /** The handling of a run that is not simply started here. */
  #place(attempt: Attempt, { suspects }: Recorder, lane: Exclude<Lane, "inline">): Handling {
    const { run, job, context } = attempt;
    this.#arrived(attempt);
    const start = (proven: number) =>
      lane === "alone"
        ? startHere(attempt)
        : this.#options.lanes.start(run, job, context, lane, proven);
    if (run.losses === 0) return start(0);
    const turn = lane === "alone" ? this.#solitude.turn(attempt) : Promise.resolve();
    let proven = 0;
    const marked = turn.then(async () => {
      const suspect = await suspects.startsIn(lane, run, context);
      proven = suspect?.proven ?? 0;
      return suspect !== undefined;
    });
    const handling = startLater(marked, () => start(proven));
    this.#waiting++;
    void Promise.race([handling.begun, handling.ended]).then(() => this.#waiting--);
    return handling;
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

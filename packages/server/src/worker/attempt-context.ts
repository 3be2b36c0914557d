import { MillraceError, type Trigger } from "@millrace/core";
import {
  type Aborted,
  type Checkpoints,
  type Context,
  Continuing,
  type Job,
  type HeldSecrets,
  type SecretValues,
  StepRunner,
  type Suspension,
  secretsFor,
} from "@millrace/sdk";
import { AttemptCalls, type CallRecord, type HttpClient } from "@millrace/sdk/http";
import type { AttemptHold } from "@millrace/sdk/sql";
import type { RunSeal } from "../engine/subjects/run-seal.ts";
import { Masks } from "../security/masks.ts";
import type { ClaimedRun } from "../store/claim.ts";
import { takeSpan } from "../telemetry/tracing/taken-spans.ts";
import type { WireSpan } from "../telemetry/tracing/wire-span.ts";
import type { CheckpointKeeper, KeptCheckpoints } from "./checkpoint-keeper.ts";
import { costUnits } from "./cost-units.ts";
import { Ending } from "./ending.ts";
import { guardRecord, requireNoSecretIn, withoutSecrets } from "./guard-record.ts";
import { sealedStep } from "./seal-record.ts";
import { keepIn } from "./keep-in.ts";
import { OwnTransaction } from "./own-transaction.ts";
import type { AttemptLog } from "./attempt-log.ts";
import type { RunOutput } from "./run-output.ts";

const NO_SECRETS: HeldSecrets = Object.freeze({});

const NO_MASKS = new Masks();

/** Of one attempt, from a place of its own. */
const MAX_SPANS = 1000;

/** Where what a handler says and records goes. */
interface Kept {
  readonly output: RunOutput;
  readonly checkpoints: CheckpointKeeper;
  readonly http: HttpClient;
}

/**
 * The context of one attempt. Its parts are made when they are first asked for: most handlers ask for
 * none, and an AbortController costs as much as the rest of an attempt's bookkeeping.
 */
export class AttemptContext implements Context {
  readonly runId: string;
  readonly job: string;
  readonly attempt: number;
  readonly trigger: Trigger;
  readonly scheduledFor: Date | undefined;
  readonly idempotencyKey: string;
  readonly correlationId: string | undefined;
  readonly leaseId: number;
  /** Of its span; undefined where it has none. */
  readonly traceId: string | undefined;
  /** Whether its handler is executed on the event loop of this process. */
  inline = false;
  /** Encrypts what is kept of a run that is about somebody; given before its handler is started. */
  seal: RunSeal | undefined;
  readonly #kept: Kept;
  readonly #definition: Job;
  #secretValues: HeldSecrets = NO_SECRETS;
  #secrets: SecretValues | undefined;
  #continuing: Continuing | undefined;
  #controller: AbortController | undefined;
  #aborted: Aborted | undefined;
  #onAbort: ((reason: Aborted) => void) | undefined;
  #log: AttemptLog | undefined;
  #units: number | undefined;
  #ownTransaction: OwnTransaction | undefined;
  #mayHold = false;
  #calls: AttemptCalls | undefined;
  #steps: StepRunner | undefined;
  #ending: Ending | undefined;
  #checkpoints: KeptCheckpoints | undefined;
  #onSuspend: ((suspension: Suspension) => void) | undefined;
  #concluded = false;
  #spans = 0;

  constructor(run: ClaimedRun, definition: Job, kept: Kept, traceId?: string) {
    this.traceId = traceId;
    this.runId = run.id;
    this.job = run.job;
    this.attempt = run.attempts + 1;
    this.trigger = run.trigger;
    this.scheduledFor = run.scheduledFor === undefined ? undefined : new Date(run.scheduledFor);
    this.idempotencyKey = run.id;
    this.correlationId = run.correlationId ?? undefined;
    this.leaseId = run.leaseId;
    this.#kept = kept;
    this.#definition = definition;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }

  /** What is given to it before its handler is started. Private, so that who prints the context prints no value. */
  get secretValues(): HeldSecrets {
    return this.#secretValues;
  }

  set secretValues(given: HeldSecrets) {
    this.#secretValues = given;
  }

  /** Those that it was given; most jobs declare none. */
  get secrets(): SecretValues {
    return (this.#secrets ??= secretsFor(this.job, this.secretValues));
  }

  get log(): AttemptLog {
    if (this.#log) return this.#log;
    this.#log = this.#kept.output.logFor(this);
    if (this.#concluded) this.#log.conclude();
    return this.#log;
  }

  get fetch(): Context["fetch"] {
    return this.calls.fetch;
  }

  /** Its calls to others, wherever its handler runs. */
  get calls(): AttemptCalls {
    return (this.#calls ??= this.#beginCalls());
  }

  /** What makes calls in this worker. */
  get http(): HttpClient {
    return this.#kept.http;
  }

  #beginCalls(): AttemptCalls {
    const { runId, correlationId } = this;
    const calls = new AttemptCalls(this.http, {
      ...{ runId, correlationId, hosts: this.#definition.hosts },
      secrets: () => this.secretValues,
      onCalled: (call) => this.called(call),
    });
    if (this.#aborted) calls.stop(this.#aborted);
    if (this.#concluded) calls.leave();
    return calls;
  }

  /** Something was called on its behalf. */
  called(call: CallRecord): void {
    this.#kept.output.called(this, call);
  }

  get step(): Context["step"] {
    this.#steps ??= this.#beginSteps();
    return this.#steps.step;
  }

  /** Why its run is to end, if that is known. */
  get unwinding(): KeptCheckpoints["unwinding"] {
    return this.#checkpoints?.unwinding ?? null;
  }

  /** What it has refused to its handler, because the run is to end. */
  get refused(): Error | undefined {
    return this.#steps?.refused;
  }

  /** How its handler is told that the run is to end, if it is. */
  get ending(): Ending {
    this.#ending ??= new Ending(
      () => this.signal,
      (reason) => this.#controller?.abort(reason),
    );
    return this.#ending;
  }

  /** Its handler has thrown: makes good what it did, when the run is to end. */
  async unwind(thrown: unknown): ReturnType<StepRunner["unwind"]> {
    if (this.#concluded) return { thrown };
    // It may have come to no step this time.
    if (!this.#steps && !(await this.#isToEnd())) return { thrown };
    this.#steps ??= this.#beginSteps();
    return this.#steps.unwind(thrown);
  }

  /** In a first attempt nothing is on record. */
  async #isToEnd(): Promise<boolean> {
    return this.attempt > 1 && (await this.#kept.checkpoints.isToEnd(this));
  }

  get continueAsNew(): Context["continueAsNew"] {
    this.#continuing ??= new Continuing(() => this.#definition);
    return this.#continuing.continueAsNew;
  }

  /** Undefined for a handler that never asked for it. */
  get continuing(): Continuing | undefined {
    return this.#continuing;
  }

  get publish(): Context["publish"] {
    this.#steps ??= this.#beginSteps();
    return this.#steps.publish;
  }

  /** What it has published; undefined for nothing. */
  get publications(): KeptCheckpoints["publications"] {
    return this.#checkpoints?.publications;
  }

  /** The checkpoints of this attempt, wherever its handler runs. */
  get checkpoints(): KeptCheckpoints {
    return (this.#checkpoints ??= guardRecord(this.#kept.checkpoints.of(this), this.#guarded));
  }

  /** Why what is on record is not that of the handler's code, if it is not. */
  get diverged(): MillraceError | undefined {
    return this.#steps?.broken;
  }

  /** Whether it has noted waits that nobody has taken. */
  get leavesWaits(): boolean {
    return this.#checkpoints !== undefined && this.#checkpoints.standing > 0;
  }

  /** What must not be on record. A job that gets no secrets has none to give away. */
  get #guarded(): Masks {
    return this.#definition.secrets.length === 0 ? NO_MASKS : this.#kept.output.masks;
  }

  #beginSteps(): StepRunner {
    const { limits, read, keep, note, isKept, ask, link, take, publish, willCompensate, unwound } =
      this.checkpoints;
    const { hold } = this;
    const keepInside: Checkpoints["keepIn"] = async (tx, checkpoint) => {
      if (this.#concluded) throw tooLate(hold);
      this.keepsInside();
      await keepIn(tx, sealedStep(withoutSecrets(checkpoint, this.#guarded), this.seal), hold);
    };
    const suspend = (suspension: Suspension) => this.#onSuspend?.(suspension);
    const steps = new StepRunner({
      checkpoints: {
        limits,
        read,
        keep,
        note,
        keepIn: keepInside,
        isKept,
        ask,
        link,
        take,
        publish,
        willCompensate,
        unwound,
        suspend,
      },
      runId: this.runId,
      attempt: this.attempt,
      signal: () => this.ending.signal,
      stopped: () => this.#aborted,
      warn: (message) => this.log.warn(message),
      onEnding: (reason) => this.ending.begin(reason),
    });
    if (this.#concluded) steps.close();
    return steps;
  }

  /** Bound, because handlers take their context apart. */
  get progress(): Context["progress"] {
    return (done, total, message) => this.#kept.output.progress(this, done, total, message);
  }

  get cost(): Context["cost"] {
    return (units) => {
      this.#units = costUnits(units);
    };
  }

  /** What the handler says that the run has cost, if it has said so. */
  get units(): number | undefined {
    return this.#units;
  }

  /** By what right it writes. */
  get hold(): AttemptHold {
    const { runId, attempt, leaseId } = this;
    return { runId, attempt, leaseId, workerId: this.#kept.output.workerId };
  }

  /** Its handler, in a place of its own, is about to complete the run in a transaction. */
  completing(): void {
    this.#ownTransaction ??= new OwnTransaction();
    this.#ownTransaction.begin();
  }

  /** A step of it is about to be recorded in a transaction of the handler's own. */
  keepsInside(): void {
    this.#mayHold = true;
  }

  /** Whether a transaction of the handler's own may hold the run's row. */
  get mayHold(): boolean {
    return this.#mayHold || this.#ownTransaction?.begun === true;
  }

  get completeIn(): Context["completeIn"] {
    const { hold } = this;
    return async (tx, output) => {
      if (this.#concluded) throw tooLate(hold);
      requireNoSecretIn(output, `output of ${this.job}`, this.#guarded);
      this.#ownTransaction ??= new OwnTransaction();
      return this.#ownTransaction.complete(tx, output, hold, this.job, this.seal);
    };
  }

  /** A span of its handler has ended in a place of its own. Those of other traces, and too many, are none of ours. */
  takeSpan(span: WireSpan): void {
    if (span.traceId !== this.traceId || ++this.#spans > MAX_SPANS) return;
    takeSpan(span);
  }

  /** Its outcome is being recorded: a handler that goes on all the same may not complete the run, or begin a step, any more. */
  conclude(): void {
    this.#concluded = true;
    this.#log?.conclude();
    this.#steps?.close();
    this.#calls?.leave();
  }

  /** Undefined for a handler that never asked for one, as most do not. */
  get ownTransaction(): OwnTransaction | undefined {
    return this.#ownTransaction;
  }

  /** Why the attempt was told to stop, if it was. */
  get aborted(): Aborted | undefined {
    return this.#aborted;
  }

  /** Only the first reason counts. */
  abort(reason: Aborted): void {
    if (this.#aborted) return;
    this.#aborted = reason;
    this.#controller?.abort(reason);
    this.#ending?.abort(reason);
    this.#calls?.stop(reason);
    this.#onAbort?.(reason);
  }

  /** For the executor: called when nothing of the handler is under way but waits. */
  onSuspend(listener: (suspension: Suspension) => void): void {
    this.#onSuspend = listener;
  }

  /** For the executor, which need not pay for a signal. */
  onAbort(listener: (reason: Aborted) => void): void {
    this.#onAbort = listener;
    if (this.#aborted) listener(this.#aborted);
  }
}

function tooLate({ runId, attempt }: AttemptHold): MillraceError {
  return new MillraceError(
    "lease_lost",
    `attempt ${attempt} of run ${runId} is over: its outcome has been decided without this handler`,
  );
}

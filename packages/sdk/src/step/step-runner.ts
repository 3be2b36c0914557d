import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as pause } from "node:timers/promises";
import type { Duration, MillraceError, StepKind } from "@millrace/core";
import type { Aborted } from "../errors.ts";
import type { AnyEvent, WaitForOptions } from "../define-event.ts";
import type { AnyJob } from "../job.ts";
import { type Publish, publicationOf } from "../publication.ts";
import type { Transaction } from "../sql/transaction.ts";
import type { ApprovalOptions } from "./approval.ts";
import { approvalStep } from "./approval-step.ts";
import type { Checkpoints, FailedPlace, StepPlace, Wait } from "./checkpoints.ts";
import type { ChildOptions, FanOutOptions } from "./child-options.ts";
import { callStep, fanOutStep } from "./child-steps.ts";
import type { EffectOptions } from "./effect.ts";
import { effectStep } from "./effect-step.ts";
import { eventStep } from "./event-step.ts";
import { patchedStep } from "./patched-step.ts";
import { plainStep } from "./plain-step.ts";
import { refusal } from "./refusal.ts";
import { type Compensation, type Saga, sagaOver } from "./saga.ts";
import { sleepStep, sleepUntilStep } from "./sleep-step.ts";
import type { Step, StepContext, StepOptions } from "./step.ts";
import type { StepGround } from "./step-ground.ts";
import { requireStepName } from "./step-place.ts";
import { StepRecord } from "./step-record.ts";
import { StepWork } from "./step-work.ts";
import { Thrown } from "./thrown.ts";
import { type Begin, type TransactionFunction, transactionStep } from "./transaction-step.ts";
import {
  type Unwinding,
  compensate,
  compensationError,
  endingError,
  endingSignal,
} from "./unwinding.ts";
import { StepSpans } from "../tracing/step-span.ts";
import { Waits } from "./waits.ts";

/** A shorter wait is waited for in place: to leave the run and to come back costs about as much. */
const IN_PLACE_MS = 1000;

/** For how long a run that is to end, and whose handler has thrown, waits for its branches to come to what they did. */
const BRANCHES_MS = 5000;

/** Which step is being executed, and whose: a step inside of it would not be called again, and so others would get its place. */
const inside = new AsyncLocalStorage<{ readonly runner: StepRunner; readonly step: string }>();

/** The name of the step whose function calls this; undefined outside of steps. */
export function currentStep(): string | undefined {
  return inside.getStore()?.step;
}

/** What a runner of steps stands on. */
export interface StepRunnerOptions {
  checkpoints: Checkpoints;
  runId: string;
  /** From 1. */
  attempt: number;
  /** That of the attempt. */
  signal: () => AbortSignal;
  /** Why the attempt was told to stop, if it was; asked for often, and cheaper than a signal. */
  stopped: () => Error | undefined;
  /** Says something in the run's log. */
  warn: (message: string) => void;
  /** Called before anything begins that is not on record. */
  onNew?: ((place: StepPlace) => Promise<void>) | undefined;
  /** For how long what is on record may wait for the handler to come to it, in milliseconds. Default 30 s. */
  patienceMs?: number | undefined;
  /** Called when the run is to end, and its handler has got to know all that it did before: whatever else it does is to stop. */
  onEnding?: (reason: Aborted) => void;
}

/**
 * The steps of one attempt, over what earlier attempts have recorded.
 *
 * When nothing of the attempt is under way but waits, its run is suspended, and the handler is left where it is: the
 * promise of the wait never settles. This is safe. No step is under way, so nothing is lost that ran for the record; what
 * the handler does outside of its steps is done again anyhow, by the contract of at least once, after the wait as after a
 * crash. What is left of it may go on in this process (a branch beside the wait), but can write nothing: its steps never
 * begin, its log and its progress meet no lease, the end of its promise is not listened to. Nobody holds it, so it is
 * collected. It has got a turn of the event loop before, in which it could have gone on by what its last step gave.
 */
export class StepRunner {
  readonly step: Step;
  readonly publish: Publish;
  readonly #options: StepRunnerOptions;
  readonly #record: StepRecord;
  readonly #thrown: Thrown;
  readonly #waits: Waits;
  readonly #work = new StepWork();
  readonly #spans = new StepSpans();
  readonly #uses = new Map<string, number>();
  readonly #compensations: Compensation[] = [];
  #saga = false;
  #marking: Promise<void> | undefined;
  #refused: Error | undefined;
  #underWay = 0;
  #looking = false;
  #leaving = false;
  #over = false;

  constructor(options: StepRunnerOptions) {
    this.#options = options;
    this.#record = new StepRecord({
      ...options,
      onThrough: (unwinding) => options.onEnding?.(endingSignal(unwinding)),
    });
    this.#thrown = new Thrown(this.#record, options.checkpoints);
    this.#waits = new Waits(options.signal);
    this.step = this.#steps();
    this.publish = (key, value) => this.#publish(key, value);
  }

  /** The attempt is over: what its handler has left behind begins no step any more. */
  close(): void {
    this.#over = true;
    this.#thrown.close();
    this.#spans.close();
    this.#waits.leave();
    this.#record.deliveries.close();
  }

  /** Why what is on record is not that of this code, if it is not: whatever the handler makes of it, its attempt has failed. */
  get broken(): MillraceError | undefined {
    return this.#record.broken;
  }

  /** Whether the attempt has come to what earlier ones have left in that place. */
  hasMet(place: StepPlace): boolean {
    return this.#record.hasMet(place);
  }

  /** What is wrong with it is thrown at once: a handler need not wait for what it publishes. */
  #publish(key: string, value: unknown): Promise<void> {
    const publication = publicationOf(key, value);
    if (this.#over) return new Promise(() => {});
    const checkpoints = this.#record.deliveries.delivered;
    return this.#options.checkpoints.publish({ ...publication, checkpoints });
  }

  /** What it has refused to its handler, because the run is to end; undefined for nothing. */
  get refused(): Error | undefined {
    return this.#refused;
  }

  /**
   * To be called when the handler has thrown: makes good what it did, when the run is to end. What its branches still do that may have to
   * be made good is on record then.
   *
   * @returns why it has ended, once all is made good; else what the attempt has failed with
   */
  async unwind(thrown: unknown): Promise<{ unwound: Unwinding } | { thrown: unknown }> {
    const unwinding = await this.#unwinding();
    if (!unwinding && this.#saga) await this.#comeToRest();
    if (!unwinding || !this.#goesOn) return { thrown };
    const isThrough = await this.#comeThrough();
    if (!this.#goesOn) return { thrown };
    if (!isThrough) {
      const what = "what the run did could not be made good: its handler did not come to it";
      return { thrown: compensationError(what, unwinding, thrown) };
    }
    // Before the first compensation takes its signal: until then that is the handler's, which is about to be aborted.
    this.#options.onEnding?.(endingSignal(unwinding));
    try {
      await this.#compensate(unwinding);
      await this.#options.checkpoints.unwound();
    } catch (error) {
      return { thrown: error };
    }
    return { unwound: unwinding };
  }

  /** The same where no run is on record, and none that could be retried. @throws CompensationError */
  async unwindHere(): Promise<void> {
    if (this.#options.stopped()) return;
    if (this.#saga) await this.#comeToRest();
    await this.#compensate(null);
  }

  get #goesOn(): boolean {
    return !this.#over && !this.#options.stopped();
  }

  /** Why the run is to end, if it is. A first attempt has nothing on record, so its run is not. */
  async #unwinding(): Promise<Unwinding | null> {
    if (this.#options.attempt === 1) return null;
    try {
      await this.#record.read();
    } catch {
      return null;
    }
    return this.#record.unwinding;
  }

  /** Steps that are being executed come to their end, and begin no others: what they do may have to be made good. */
  async #comeToRest(): Promise<void> {
    this.#leaving = true;
    await this.#work.rest();
  }

  /** Whether the handler has got to know all that it did. It may have left branches that are on their way. */
  async #comeThrough(): Promise<boolean> {
    if (!this.#record.isThrough && this.#uses.size > 0) {
      const over = new AbortController();
      const late = pause(BRANCHES_MS, undefined, { signal: over.signal, ref: false });
      await Promise.race([this.#record.through(), late]).catch(() => {});
      over.abort();
      late.catch(() => {});
    }
    return this.#record.isThrough;
  }

  #compensate(unwinding: Unwinding | null): Promise<void> {
    const goOn = async () => {
      this.#requireGoingOn();
      await this.#record.deliveries.caughtUp();
      this.#requireGoingOn();
    };
    return compensate({ ...this.#ground(), goOn }, this.#compensations, unwinding);
  }

  #steps(): Step {
    const ground = this.#ground();
    const step = (name: string, ...rest: unknown[]) => {
      const [given, fn] = rest.length > 1 ? rest : [{}, rest[0]];
      return this.#begin(() =>
        plainStep(ground, name, given as StepOptions, fn as (step: StepContext) => unknown),
      );
    };
    // The compiler cannot see that a step gives what its function does.
    return Object.assign(step as unknown as Step, {
      sleep: (name: string, duration: Duration) =>
        this.#begin(() => sleepStep(ground, name, duration)),
      sleepUntil: (name: string, date: Date) =>
        this.#begin(() => sleepUntilStep(ground, name, date)),
      waitFor: (event: AnyEvent, given: WaitForOptions = {}) =>
        this.#begin(() => eventStep(ground, event, given)),
      approval: (name: string, given: ApprovalOptions) =>
        this.#begin(() => approvalStep(ground, name, given)),
      call: (job: AnyJob, input: unknown, given: ChildOptions = {}) =>
        this.#begin(() => callStep(ground, job, input, given)),
      fanOut: (job: AnyJob, inputs: readonly unknown[], given: FanOutOptions = {}) =>
        this.#begin(() => fanOutStep(ground, job, inputs, given)),
      effect: (name: string, given: EffectOptions<unknown>) =>
        this.#begin(() => effectStep(ground, name, given)),
      patched: (name: string) => this.#begin(() => patchedStep(ground, name)),
      transaction: (name: string, begin: Begin<Transaction>, fn: TransactionFunction) =>
        this.#begin(() => transactionStep(ground, name, begin, fn)),
      saga: () => this.#beginSaga(),
    });
  }

  #beginSaga(): Saga {
    this.#saga = true;
    return sagaOver({
      step: this.step,
      usesOf: (name) => this.#uses.get(name) ?? 0,
      add: (compensation) => {
        // What a fork has taken over is the other run's, which may have completed, or makes it good itself.
        if (!this.#record.isTakenOver(compensation)) this.#compensations.push(compensation);
      },
    });
  }

  #ground(): StepGround {
    const record = this.#record;
    return {
      ...this.#options,
      budget: record.budget,
      deliveries: record.deliveries,
      intents: record.intents,
      standing: record.standing,
      placeOf: (name, kind) => this.#placeOf(name, kind),
      busy: (work) => this.#busy(work),
      recall: (place) => record.recall(place),
      traced: (place, work) => this.#spans.during(place, work),
      within: (step, work) => this.#work.during(() => inside.run({ runner: this, step }, work)),
      numbered: (keep) => record.numbered((seq) => this.#work.during(() => keep(seq))),
      isNew: () => record.isNew(),
      patches: new Map(),
      kept: (place, result) => record.kept(place, result),
      failed: (place, startedAt, error) => this.#failed(place, startedAt, error),
      stand: (place, wait, wakeable) => this.#stand(place, wait, wakeable),
      goOn: (place) => this.#goOn(place),
      requireGoingOn: () => this.#requireGoingOn(),
    };
  }

  /** A step gets its place at once, in the order of the calls. */
  #begin<T>(work: () => Promise<T>): Promise<T> {
    if (this.#over) return new Promise(() => {});
    const begun = work();
    // Several may fail together, and a handler that awaits them in turn has left by then; that must not end the process.
    begun.catch(() => {});
    return begun;
  }

  #placeOf(name: string, kind: StepKind): StepPlace {
    requireStepName(name);
    if (inside.getStore()?.runner === this) {
      throw refusal(
        "invalid_step",
        `step ${JSON.stringify(name)} begins inside of another step; call it after that one, or beside it`,
      );
    }
    const ordinal = (this.#uses.get(name) ?? 0) + 1;
    this.#uses.set(name, ordinal);
    return { name, ordinal, kind };
  }

  /** Something of the attempt that is not a wait. */
  async #busy<T>(work: () => Promise<T>): Promise<T> {
    this.#underWay++;
    try {
      return await work();
    } finally {
      this.#underWay--;
      this.#leaveIfOnlyWaiting();
    }
  }

  async #stand(place: StepPlace, wait: Wait, wakeable: boolean): Promise<void> {
    this.#requireGoingOn();
    const over = this.#waits.stand(place, wait, wakeable);
    over.catch(() => {});
    this.#leaveIfOnlyWaiting();
    await over;
  }

  async #failed(place: FailedPlace, startedAt: number, thrown: unknown): Promise<never> {
    if (!this.#options.stopped()) await this.#thrown.add(place, startedAt, thrown);
    throw thrown;
  }

  /**
   * Before anything new begins. All that is on record is delivered first: where the code does not come to it, nothing is begun that would
   * have no place there.
   */
  async #goOn(place?: StepPlace): Promise<void> {
    this.#requireGoingOn();
    if (this.#leaving) return new Promise(() => {});
    const { unwinding } = this.#record;
    if (unwinding) {
      // All that it did first, so that all of it is made good.
      await this.#record.through();
      throw (this.#refused ??= endingError(this.#options.runId, unwinding));
    }
    await this.#record.deliveries.caughtUp();
    if (place) await this.#options.onNew?.(place);
    await this.#thrown.record();
    if (this.#saga && !this.#record.compensates) {
      await (this.#marking ??= this.#options.checkpoints.willCompensate());
    }
    this.#requireGoingOn();
  }

  #requireGoingOn(): void {
    const stopped = this.#options.stopped();
    if (stopped) throw stopped;
  }

  #leaveIfOnlyWaiting(): void {
    const { suspend } = this.#options.checkpoints;
    if (!suspend || this.#looking) return;
    this.#looking = true;
    // After all that the handler does at once with what it has just got.
    setImmediate(() => {
      this.#looking = false;
      const { first } = this.#waits;
      if (this.#over || this.#underWay > 0 || !first || first.restMs < IN_PLACE_MS) return;
      if (this.#thrown.any) {
        this.#busy(() => this.#goOn()).catch(() => {});
        return;
      }
      const waits = this.#waits.places.map(({ name, ordinal }) => ({ name, ordinal }));
      this.close();
      suspend({ dueMs: first.dueMs, waits });
    });
  }
}

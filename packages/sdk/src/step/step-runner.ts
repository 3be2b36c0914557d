import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Duration,
  MillraceError,
  type StepKind,
  byteLength,
  durationMs,
  fromStepText,
} from "@millrace/core";
import { type AnyEvent, type WaitForOptions, isEvent } from "../define-event.ts";
import type { AnyJob } from "../job.ts";
import type { Transaction } from "../sql/transaction.ts";
import type { Asked, Result } from "./asked.ts";
import type {
  Checkpoint,
  Checkpoints,
  NewCheckpoint,
  StandingIntent,
  StandingWait,
  StepPlace,
  Taken,
  Wait,
} from "./checkpoints.ts";
import { awaitedEvent, receivedPayload } from "./awaited-event.ts";
import { ChildCalls } from "./child-calls.ts";
import type { ChildOptions, FanOutOptions } from "./child-options.ts";
import { Deliveries } from "./deliveries.ts";
import type { EffectOptions } from "./effect.ts";
import { effectStep } from "./effect-step.ts";
import { asFinal, refusal } from "./refusal.ts";
import type { Step, StepContext, StepOptions } from "./step.ts";
import { StepBudget } from "./step-budget.ts";
import { failureOf, failureText } from "./step-failure.ts";
import { keyOf, requireStepName, textOf } from "./step-place.ts";
import type { StepGround } from "./step-ground.ts";
import { type Begin, type TransactionFunction, transactionStep } from "./transaction-step.ts";
import { stepPolicy, tryStep } from "./try-step.ts";
import { Waits } from "./waits.ts";

/** A shorter wait is waited for in place: to leave the run and to come back costs about as much. */
const IN_PLACE_MS = 1000;

/** Later instants PostgreSQL's timer refuses. */
const END_OF_TIME_MS = Date.UTC(10_000, 0);

/** Whose step is being executed: a step inside of it would not be called again, and so others would get its place. */
const inside = new AsyncLocalStorage<StepRunner>();

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
  readonly #options: StepRunnerOptions;
  readonly #waits: Waits;
  readonly #children: ChildCalls;
  readonly #deliveries = new Deliveries((seq) => this.#divergedAt(seq));
  readonly #budget: StepBudget;
  readonly #uses = new Map<string, number>();
  #reading: Promise<void> | undefined;
  readonly #recorded = new Map<string, Checkpoint>();
  readonly #standing = new Map<string, StandingWait>();
  readonly #intents = new Map<string, StandingIntent>();
  #broken: MillraceError | undefined;
  /** What steps have thrown, and is not on record. */
  readonly #failures: NewCheckpoint[] = [];
  #recording: Promise<void> | undefined;
  #underWay = 0;
  #looking = false;
  #over = false;

  constructor(options: StepRunnerOptions) {
    this.#options = options;
    this.#waits = new Waits(options.signal);
    this.#budget = new StepBudget(options.warn);
    this.#children = new ChildCalls({
      placeOf: (name, kind) => this.#placeOf(name, kind),
      wait: (place, asked) => this.#wait(place, asked),
      busy: (work) => this.#busy(work),
      signal: options.signal,
      callsHere: options.checkpoints.callsHere === true,
    });
    const step = (name: string, ...rest: unknown[]) => {
      const [given, fn] = rest.length > 1 ? rest : [{}, rest[0]];
      return this.#begin(() =>
        this.#execute(name, given as StepOptions, fn as (step: StepContext) => unknown),
      );
    };
    const ground = this.#ground();
    // The compiler cannot see that a step gives what its function does.
    this.step = Object.assign(step as unknown as Step, {
      sleep: (name: string, duration: Duration) =>
        this.#begin(() => this.#sleep(name, (what) => ({ forMs: durationMs(duration, what) }))),
      sleepUntil: (name: string, date: Date) =>
        this.#begin(() => this.#sleep(name, (what) => ({ untilMs: instantMs(date, what) }))),
      waitFor: (event: AnyEvent, given: WaitForOptions = {}) =>
        this.#begin(() => this.#waitFor(event, given)),
      call: (job: AnyJob, input: unknown, given: ChildOptions = {}) =>
        this.#begin(() => this.#children.call(job, input, given)),
      fanOut: (job: AnyJob, inputs: readonly unknown[], given: FanOutOptions = {}) =>
        this.#begin(() => this.#children.fanOut(job, inputs, given)),
      effect: (name: string, given: EffectOptions<unknown>) =>
        this.#begin(() => effectStep(ground, name, given)),
      transaction: (name: string, begin: Begin<Transaction>, fn: TransactionFunction) =>
        this.#begin(() => transactionStep(ground, name, begin, fn)),
    });
  }

  /** The attempt is over: what its handler has left behind begins no step any more. */
  close(): void {
    this.#over = true;
    this.#waits.leave();
    this.#deliveries.close();
  }

  /** Why what is on record is not that of this code, if it is not: whatever the handler makes of it, its attempt has failed. */
  get broken(): MillraceError | undefined {
    return this.#broken;
  }

  /** What the kinds of steps that have files of their own are given of this. */
  #ground(): StepGround {
    return {
      ...this.#options,
      budget: this.#budget,
      deliveries: this.#deliveries,
      intents: this.#intents,
      placeOf: (name, kind) => this.#placeOf(name, kind),
      busy: (work) => this.#busy(work),
      recall: (place) => this.#recall(place),
      within: (work) => inside.run(this, work),
      numbered: (record) => this.#numbered(record),
      stand: (place, wait, wakeable) => this.#stand(place, wait, wakeable),
      goOn: () => this.#goOn(),
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

  #placeOf(name: string, kind: StepKind): StepPlace {
    requireStepName(name);
    if (inside.getStore() === this) {
      throw refusal(
        "invalid_step",
        `step ${JSON.stringify(name)} begins inside of another step; call it after that one, or beside it`,
      );
    }
    const ordinal = (this.#uses.get(name) ?? 0) + 1;
    this.#uses.set(name, ordinal);
    return { name, ordinal, kind };
  }

  async #execute(
    name: string,
    options: StepOptions,
    fn: (step: StepContext) => unknown,
  ): Promise<unknown> {
    const place = this.#placeOf(name, "step");
    const what = textOf(place);
    if (typeof fn !== "function") throw refusal("invalid_step", `${what}: give it a function`);
    if (typeof options !== "object" || options === null) {
      throw refusal("invalid_step", `${what}: the options come before the function`);
    }
    const policy = stepPolicy(options, what);
    return await this.#busy(async () => {
      const known = await this.#recall(place);
      if (known?.failed) throw failureOf(known.value!);
      if (known) return fromStepText(known.value!);
      await this.#goOn();
      return await this.#budget.counted(async () => {
        const startedAt = performance.now();
        const { signal } = this.#options;
        const make = async () =>
          this.#budget.admit(
            await inside.run(this, () => tryStep(fn, policy, { signal, what })),
            what,
          );
        const text = await make().catch((error: unknown) => this.#failed(place, startedAt, error));
        const tookMs = performance.now() - startedAt;
        await this.#numbered((seq) =>
          this.#options.checkpoints.keep({ ...place, seq, tookMs, value: text }),
        );
        // Not the value itself: what this attempt gets is what every later one will.
        return fromStepText(text);
      });
    });
  }

  async #sleep(name: string, until: (what: string) => Asked): Promise<void> {
    const place = this.#placeOf(name, "sleep");
    await this.#wait(
      place,
      asFinal(() => until(textOf(place))),
    );
  }

  async #waitFor(event: AnyEvent, given: WaitForOptions): Promise<unknown> {
    if (!isEvent(event)) {
      throw refusal("invalid_step", "step.waitFor: give it an event, as defineEvent makes them");
    }
    const place = this.#placeOf(given?.name ?? event.name, "event");
    const { value } = await this.#wait(place, awaitedEvent(event, given, textOf(place)));
    return value === null ? null : await receivedPayload(event, value, textOf(place));
  }

  /** @returns the JSON text of what has come; null when nothing has */
  async #wait(place: StepPlace, { children, ...asked }: Asked): Promise<Result> {
    const key = keyOf(place);
    let found: Taken | Wait = await this.#busy(async () => {
      const known = await this.#recall(place);
      if (known) return { taken: true, value: known.value, failed: known.failed };
      await this.#goOn();
      const standing =
        this.#standing.get(key) ??
        (await this.#budget.counted(async () => {
          const made = children ? await children() : null;
          const wait = { forMs: null, untilMs: null, event: null, ...asked, children: made };
          return this.#options.checkpoints.ask({ ...place, ...wait });
        }));
      this.#standing.set(key, { ...place, ...standing });
      return standing;
    });
    while (!("taken" in found)) {
      if (!found.met && found.restMs > 0) {
        await this.#stand(place, found, children !== undefined || !!asked.event);
      }
      found = await this.#busy(() => this.#take(place));
    }
    return found;
  }

  async #stand(place: StepPlace, wait: Wait, wakeable: boolean): Promise<void> {
    this.#requireGoingOn();
    const over = this.#waits.stand(place, wait, wakeable);
    over.catch(() => {});
    this.#leaveIfOnlyWaiting();
    await over;
  }

  /** Asks for what a wait has come to. */
  async #take(place: StepPlace): Promise<Taken | Wait> {
    const found = await this.#numbered((seq) => this.#options.checkpoints.take(place, seq));
    if ("taken" in found) {
      this.#standing.delete(keyOf(place));
      return { ...found, ...this.#kept(place, found) };
    }
    return found;
  }

  /** What a wait came to, if the run may keep it; else that it is too large, which only what children give can be. */
  #kept({ kind }: Pick<StepPlace, "kind">, { value, failed }: Result): Result {
    if (value === null || this.#budget.fits(value) || !isOfChildren(kind)) {
      return { value, failed };
    }
    return { value: JSON.stringify({ kind: "too large", bytes: byteLength(value) }), failed: true };
  }

  /** Records something under the next number, and gives it when it is its turn; or at once, when it is nothing for the record. */
  async #numbered<T>(record: (seq: number) => Promise<T>): Promise<T> {
    const seq = this.#deliveries.issue();
    let recorded: T;
    try {
      recorded = await record(seq);
    } catch (error) {
      this.#deliveries.drop(seq);
      throw error;
    }
    if (isStanding(recorded)) this.#deliveries.drop(seq);
    else await this.#deliveries.turn(seq);
    return recorded;
  }

  /** What is on record in that place, when it is its turn. */
  async #recall(place: StepPlace): Promise<Checkpoint | undefined> {
    const known = await this.#find(place);
    if (known) await this.#deliveries.turn(known.seq);
    return known;
  }

  async #find(place: StepPlace): Promise<Checkpoint | undefined> {
    await (this.#reading ??= this.#read());
    if (this.#broken) throw this.#broken;
    const key = keyOf(place);
    const known = this.#recorded.get(key);
    const there = known ?? this.#standing.get(key) ?? this.#intents.get(key);
    if (there && there.kind !== place.kind) {
      this.#broken = new MillraceError(
        "step_mismatch",
        `${textOf(place)} is a ${place.kind} here, and a ${there.kind} on record: the run began with other code, which must finish it`,
      );
      throw this.#broken;
    }
    // Each place is asked for once, and its value may be large.
    this.#recorded.delete(key);
    return known;
  }

  async #read(): Promise<void> {
    const { checkpoints, waits, intents } = await this.#options.checkpoints.read();
    this.#budget.add(checkpoints.length + waits.length + intents.length);
    this.#deliveries.expect(checkpoints.map(({ seq }) => seq));
    for (const checkpoint of checkpoints) {
      this.#recorded.set(keyOf(checkpoint), {
        ...checkpoint,
        ...this.#kept(checkpoint, checkpoint),
      });
    }
    for (const wait of waits) this.#standing.set(keyOf(wait), wait);
    for (const intent of intents) this.#intents.set(keyOf(intent), intent);
  }

  #divergedAt(seq: number): MillraceError {
    const missed = [...this.#recorded.values()].find((checkpoint) => checkpoint.seq === seq);
    this.#broken = new MillraceError(
      "step_mismatch",
      `the run has ${missed ? textOf(missed) : `checkpoint ${seq}`} on record next, and this code does not come to it: the run began with other code, which must finish it, or the order of its steps is decided by something outside of them`,
    );
    return this.#broken;
  }

  /** What a step has thrown is for the record only when the handler goes on: else the step is to be run again. */
  async #failed(place: StepPlace, startedAt: number, thrown: unknown): Promise<never> {
    const tookMs = performance.now() - startedAt;
    if (!this.#options.stopped()) {
      const seq = this.#deliveries.issue();
      await this.#deliveries.turn(seq);
      this.#failures.push({ ...place, seq, tookMs, value: failureText(thrown), failed: true });
    }
    throw thrown;
  }

  /**
   * Before anything new begins. All that is on record is delivered first: where the code does not come to it, nothing is begun that would
   * have no place there. And what steps have thrown that the handler has survived is recorded, because what begins may rest on it.
   */
  async #goOn(): Promise<void> {
    this.#requireGoingOn();
    await this.#deliveries.caughtUp();
    while (this.#failures.length > 0 || this.#recording) {
      this.#recording ??= this.#keepFailures().finally(() => (this.#recording = undefined));
      await this.#recording;
    }
    this.#requireGoingOn();
  }

  async #keepFailures(): Promise<void> {
    // A handler that ends with what was thrown has ended after this.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#over) return new Promise(() => {});
    for (const failure of this.#failures.splice(0)) {
      this.#budget.add(1);
      await this.#options.checkpoints.keep(failure);
    }
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
      if (this.#failures.length > 0) {
        this.#busy(() => this.#goOn()).catch(() => {});
        return;
      }
      const waits = this.#waits.places.map(({ name, ordinal }) => ({ name, ordinal }));
      this.close();
      suspend({ dueMs: first.dueMs, waits });
    });
  }
}

function isOfChildren(kind: StepKind): boolean {
  return kind === "call" || kind === "fan-out";
}

function isStanding(recorded: unknown): boolean {
  return typeof recorded === "object" && recorded !== null && "restMs" in recorded;
}

function instantMs(date: Date, what: string): number {
  const ms = date instanceof Date ? date.getTime() : NaN;
  // What has passed has passed, also where PostgreSQL has no such year.
  if (Math.abs(ms) < END_OF_TIME_MS) return Math.max(0, ms);
  throw refusal("invalid_step", `${what}: give a Date before the year 10000`);
}

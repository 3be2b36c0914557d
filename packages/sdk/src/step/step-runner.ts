import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Duration,
  type ErrorCode,
  MillraceError,
  STEP_LIMITS,
  type StepKind,
  byteLength,
  durationMs,
  fromStepText,
  toStepText,
} from "@millrace/core";
import { nonRetryable } from "../errors.ts";
import type { Checkpoint, Checkpoints, StepPlace } from "./checkpoints.ts";
import { Sleeps } from "./sleeps.ts";
import type { Step, StepContext, StepOptions } from "./step.ts";
import { stepPolicy, tryStep } from "./try-step.ts";

/** A shorter sleep is waited for in place: to leave the run and to come back costs about as much. */
const IN_PLACE_MS = 1000;

/** Later instants PostgreSQL's timer refuses. */
const END_OF_TIME_MS = Date.UTC(10_000, 0);

/** Whose step is being executed: a step inside of it would not be called again, and so others would get its place. */
const inside = new AsyncLocalStorage<StepRunner>();

/** What a runner of steps stands on. */
export interface StepRunnerOptions {
  checkpoints: Checkpoints;
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
 * When nothing of the attempt is under way but sleeps, its run is suspended, and the handler is left where it is: the
 * promise of the sleep never settles. This is safe. No step is under way, so nothing is lost that ran for the record; what
 * the handler does outside of its steps is done again anyhow, by the contract of at least once, after the sleep as after a
 * crash. What is left of it may go on in this process (a branch beside the sleep), but can write nothing: its steps never
 * begin, its log and its progress meet no lease, the end of its promise is not listened to. Nobody holds it, so it is
 * collected. It has got a turn of the event loop before, in which it could have gone on by what its last step gave.
 */
export class StepRunner {
  readonly step: Step;
  readonly #options: StepRunnerOptions;
  readonly #sleeps: Sleeps;
  readonly #uses = new Map<string, number>();
  #recorded: Promise<Map<string, Checkpoint>> | undefined;
  #broken: MillraceError | undefined;
  #underWay = 0;
  #looking = false;
  #over = false;
  #steps = 0;
  #bytes = 0;

  constructor(options: StepRunnerOptions) {
    this.#options = options;
    this.#sleeps = new Sleeps(options.signal);
    const step = (name: string, ...rest: unknown[]) => {
      const [given, fn] = rest.length > 1 ? rest : [{}, rest[0]];
      return this.#begin(name, "step", (place) =>
        this.#execute(place, given as StepOptions, fn as (step: StepContext) => unknown),
      );
    };
    // The compiler cannot see that a step gives what its function does.
    this.step = Object.assign(step as unknown as Step, {
      sleep: (name: string, duration: Duration) =>
        this.#sleep(name, (what) => ({
          sleepMs: asFinal(() => durationMs(duration, what)),
          untilMs: null,
        })),
      sleepUntil: (name: string, date: Date) =>
        this.#sleep(name, (what) => ({ sleepMs: null, untilMs: instantMs(date, what) })),
    });
  }

  /** The attempt is over: what its handler has left behind begins no step any more. */
  close(): void {
    this.#over = true;
    this.#sleeps.leave();
  }

  /** Gives a step its place at once, in the order of the calls. */
  #begin<T>(name: string, kind: StepKind, work: (place: StepPlace) => Promise<T>): Promise<T> {
    if (this.#over) return new Promise(() => {});
    const begun = this.#follow(name, kind, work);
    // Several may fail together, and a handler that awaits them in turn has left by then; that must not end the process.
    begun.catch(() => {});
    return begun;
  }

  async #follow<T>(
    name: string,
    kind: StepKind,
    work: (place: StepPlace) => Promise<T>,
  ): Promise<T> {
    const place = this.#placeOf(name, kind);
    this.#underWay++;
    try {
      return await work(place);
    } finally {
      this.#underWay--;
      this.#leaveIfOnlySleeping();
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
    place: StepPlace,
    options: StepOptions,
    fn: (step: StepContext) => unknown,
  ): Promise<unknown> {
    const what = textOf(place);
    if (typeof fn !== "function") throw refusal("invalid_step", `${what}: give it a function`);
    if (typeof options !== "object" || options === null) {
      throw refusal("invalid_step", `${what}: the options come before the function`);
    }
    const policy = stepPolicy(options, what);
    const known = await this.#find(place);
    if (known) return fromStepText(known.value!);
    this.#requireGoingOn();
    return await this.#counted(async () => {
      const startedAt = performance.now();
      const { signal } = this.#options;
      const value = await inside.run(this, () => tryStep(fn, policy, { signal, what }));
      const tookMs = performance.now() - startedAt;
      const text = this.#admit(value, what);
      const taken = { value: text, sleepMs: null, untilMs: null };
      await this.#options.checkpoints.keep({ ...place, tookMs, ...taken });
      // Not the value itself: what this attempt gets is what every later one will.
      return fromStepText(text);
    });
  }

  async #sleep(
    name: string,
    until: (what: string) => { sleepMs: number | null; untilMs: number | null },
  ): Promise<void> {
    const wait = await this.#begin(name, "sleep", async (place) => {
      const asked = until(textOf(place));
      const known = await this.#find(place);
      if (known) return known.wait;
      this.#requireGoingOn();
      return await this.#counted(() =>
        this.#options.checkpoints.keep({ ...place, tookMs: 0, value: null, ...asked }),
      );
    });
    if (!wait || wait.restMs <= 0) return;
    this.#requireGoingOn();
    const over = this.#sleeps.wait(wait);
    over.catch(() => {});
    this.#leaveIfOnlySleeping();
    await over;
    // Others may sleep on, and be all that is left.
    this.#leaveIfOnlySleeping();
  }

  async #find(place: StepPlace): Promise<Checkpoint | undefined> {
    this.#recorded ??= this.#read();
    const recorded = await this.#recorded;
    if (this.#broken) throw this.#broken;
    const key = keyOf(place);
    const known = recorded.get(key);
    if (known && known.kind !== place.kind) {
      this.#broken = new MillraceError(
        "step_mismatch",
        `${textOf(place)} is a ${place.kind} here, and a ${known.kind} on record: the run began with other code, which must finish it`,
      );
      throw this.#broken;
    }
    // Each place is asked for once, and its value may be large.
    recorded.delete(key);
    return known;
  }

  async #read(): Promise<Map<string, Checkpoint>> {
    const found = await this.#options.checkpoints.read();
    this.#steps += found.length;
    for (const { value } of found) if (value !== null) this.#bytes += byteLength(value);
    return new Map(found.map((checkpoint) => [keyOf(checkpoint), checkpoint]));
  }

  #requireGoingOn(): void {
    const stopped = this.#options.stopped();
    if (stopped) throw stopped;
  }

  /** Counts a step that is new, unless it fails. */
  async #counted<T>(work: () => Promise<T>): Promise<T> {
    const { steps, warnSteps } = STEP_LIMITS;
    if (this.#steps >= steps) {
      throw refusal(
        "too_many_steps",
        `a run may have ${steps} steps, and this one has them; let it start another run for the rest`,
      );
    }
    this.#steps++;
    if (this.#steps === warnSteps) {
      this.#options.warn(
        `the run has ${warnSteps} steps, each of which is read when it is resumed; ${steps} are allowed`,
      );
    }
    try {
      return await work();
    } catch (error) {
      this.#steps--;
      throw error;
    }
  }

  /** The text of what a step gave. @throws MillraceError `invalid_json`, `step_too_large` */
  #admit(value: unknown, what: string): string {
    const { valueBytes, runBytes } = STEP_LIMITS;
    const text = asFinal(() => toStepText(value, what));
    const bytes = byteLength(text);
    if (bytes > valueBytes) {
      throw refusal(
        "step_too_large",
        `${what} gave ${bytes} bytes, and ${valueBytes} are allowed; store the data and return a reference to it`,
      );
    }
    if (this.#bytes + bytes > runBytes) {
      throw refusal(
        "step_too_large",
        `${what} gave ${bytes} bytes, and with those of the other steps the run would have more than ${runBytes}; store the data and return references to it`,
      );
    }
    this.#bytes += bytes;
    return text;
  }

  #leaveIfOnlySleeping(): void {
    const { suspend } = this.#options.checkpoints;
    if (!suspend || this.#looking) return;
    this.#looking = true;
    // After all that the handler does at once with what it has just got.
    setImmediate(() => {
      this.#looking = false;
      const { first } = this.#sleeps;
      if (this.#over || this.#underWay > 0 || !first || first.restMs < IN_PLACE_MS) return;
      this.close();
      suspend(first.dueMs);
    });
  }
}

function keyOf({ name, ordinal }: StepPlace): string {
  return `${ordinal} ${name}`;
}

function textOf({ name, ordinal, kind }: StepPlace): string {
  return `${kind} ${JSON.stringify(name)}${ordinal > 1 ? ` (${ordinal})` : ""}`;
}

function requireStepName(name: unknown): void {
  const fits =
    typeof name === "string" &&
    name !== "" &&
    name.length <= STEP_LIMITS.nameLength &&
    !name.includes("\0") &&
    name.isWellFormed();
  if (fits) return;
  throw refusal(
    "invalid_step",
    `${typeof name === "string" ? JSON.stringify(name.slice(0, 60)) : `a ${typeof name}`} is not the name of a step; give it 1 to ${STEP_LIMITS.nameLength} characters`,
  );
}

function instantMs(date: Date, what: string): number {
  const ms = date instanceof Date ? date.getTime() : NaN;
  if (Math.abs(ms) < END_OF_TIME_MS) return ms;
  throw refusal("invalid_step", `${what}: give a Date before the year 10000`);
}

/** What is refused is refused in every attempt. */
function asFinal<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof MillraceError ? nonRetryable(error) : error;
  }
}

function refusal(code: ErrorCode, message: string): MillraceError {
  return nonRetryable(new MillraceError(code, message));
}

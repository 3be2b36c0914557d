import type { Duration, RetryOptions } from "@millrace/core";
import type { AnyEvent, ReceivedOf, WaitForOptions } from "../define-event.ts";
import type { AnyJob, InputOf, OutputOf } from "../job.ts";
import type { RetryRule } from "../retry-rules.ts";
import type { Approval, ApprovalOptions } from "./approval.ts";
import type { ChildOptions, FanOutOptions } from "./child-options.ts";
import type { FanOutResult } from "./child-results.ts";
import type { Transaction } from "../sql/transaction.ts";
import type { EffectOptions } from "./effect.ts";
import type { Saga } from "./saga.ts";
import type { Begin } from "./transaction-step.ts";

/** What the function of a step is told. */
export interface StepContext {
  /** Aborted like the attempt's own, and when the step has taken longer than its timeout. */
  readonly signal: AbortSignal;
}

/** How a step is tried again in place, as long as its attempt lasts: as a job is, but for a budget, which needs the database. */
export interface StepRetryOptions extends Omit<RetryOptions, "budget"> {
  /** As those of a job: the first that applies to an error decides. Default: none. */
  rules?: readonly RetryRule[];
}

/** Options of one step. */
export interface StepOptions {
  /** Default: none. What a step throws fails the attempt, and the job's retry policy decides. */
  retry?: StepRetryOptions;
  /** How long one try may take; then its signal is aborted and it has failed. Default: as long as the attempt may. */
  timeout?: Duration;
}

/**
 * The durable steps of a run. Each is known by its name and by how often the name was used before it in the run; so the
 * handler must use them in the same order in every attempt. Steps under way at the same time (`Promise.all`) get their
 * places when they are called: where each of several branches makes more than one step, give every branch names of its own.
 *
 * @example
 *   const seats = await step("provision", ({ signal }) => billing.provision(account, { signal }));
 *   await step.sleep("grace", "3d");
 *   await step("welcome", { retry: { maxAttempts: 3 }, timeout: "10s" }, () => mail.welcome(seats));
 */
export interface Step {
  /**
   * Runs the function and records what it gives, once: every later attempt gets that back, and the function is not called
   * again. What it throws fails the attempt, or is recorded when the handler goes on all the same: later attempts throw it again.
   *
   * @param name 1 to 200 characters
   * @returns what was recorded: plain data, Date, bigint, Map, Set, Uint8Array and undefined as they were
   * @throws whatever the function throws; MillraceError `invalid_json` or `step_too_large` for what cannot be recorded,
   *   `too_many_steps`, `step_mismatch`, `invalid_step`; an `Aborted` when the attempt was told to stop
   */
  <T>(name: string, fn: (step: StepContext) => T | Promise<T>): Promise<T>;
  <T>(name: string, options: StepOptions, fn: (step: StepContext) => T | Promise<T>): Promise<T>;
  /**
   * Waits, and holds no worker meanwhile: the handler is left where it is, and begins again from the top when the time is
   * over. The time begins when the sleep is first asked for. Whatever goes on beside it and is no step is cut off.
   *
   * @param duration from 0 to 100 years
   */
  readonly sleep: (name: string, duration: Duration) => Promise<void>;
  /** The same until an instant, before the year 10000. One that has passed is no wait. */
  readonly sleepUntil: (name: string, date: Date) => Promise<void>;
  /**
   * Waits for an event, and holds no worker meanwhile. Events that were sent since the run was accepted count; of those the first that
   * fits, and each goes to a run once. In `job.call` there is no run that an event could reach, and this is refused.
   *
   * @returns its payload, as its schema gives it; null when none came in time
   * @throws MillraceError `invalid_input`, when the payload does not match the schema: the run has failed then
   */
  readonly waitFor: <E extends AnyEvent>(
    event: E,
    options?: WaitForOptions<E>,
  ) => Promise<ReceivedOf<E> | null>;
  /**
   * Asks people, and holds no worker until one of them has answered: through the API, on the command line, or by a link that `notify` is
   * given. One answer counts. In `job.call` there is no run that an answer could reach, and this is refused.
   *
   * @param name 1 to 200 characters; with `notify` 193
   * @returns the answer; null when none came in time
   * @throws whatever `notify` throws; as for steps
   */
  readonly approval: (name: string, options: ApprovalOptions) => Promise<Approval | null>;
  /**
   * Makes a run of another job, a child, and waits for its end; holds no worker meanwhile. There is one child, whatever crashes, and it has
   * this run's correlation id. When this run ends or waits no more, the child is cancelled. Debounce and throttle of the job do not concern
   * it. In `job.call` the job is called in place.
   *
   * @param input checked by the job's schema before anything is written
   * @returns the child's output, as JSON keeps it; null for none
   * @throws ChildFailedError, ChildCancelledError or ChildTimeoutError, in every later attempt the same; MillraceError `invalid_step`,
   *   `invalid_input`, `invalid_json`, `payload_too_large`, `unknown_job`, `queue_not_found`, `step_too_large`
   */
  readonly call: <J extends AnyJob>(
    job: J,
    input: InputOf<J>,
    options?: ChildOptions,
  ) => Promise<OutputOf<J>>;
  /**
   * The same with a child for each of up to 10,000 inputs, which may have 32 MiB in all. It is one step, however many children.
   *
   * @returns what they gave, in the order of the inputs; with `failures: "collect"` how each of them ended
   * @throws what `call` throws, of the first child that does not complete, unless failures are collected
   */
  readonly fanOut: FanOut;
  /**
   * Touches the world, and never blindly twice. That it is about to happen is on record before `do` is called, and what it gave after
   * that. When an attempt finds the one without the other, `verify` is asked; else `do` is called again if the effect is `idempotent`;
   * else the run waits, without a worker, until a person has said whether it happened.
   *
   * @param name 1 to 200 characters
   * @returns what was recorded, as for steps
   * @throws whatever `do` and `verify` throw; as for steps
   */
  readonly effect: <T>(name: string, effect: EffectOptions<T>) => Promise<T>;
  /**
   * Whether this run does what the code has done since a change that is named so. A run that had come beyond this place before the change
   * does what the code did before it; one that comes here first does what is new, and that is on record, however often it is asked.
   * When no run from before the change is left, take the branch and the question away: the record of it is in nobody's way.
   *
   * @example
   *   if (await step.patched("vat")) await step("add vat", addVat);
   *
   * @param name 1 to 190 characters
   * @returns true in `job.call`
   */
  readonly patched: (name: string) => Promise<boolean>;
  /**
   * Runs the function in a transaction on Millrace's database, in which what it gives is recorded, too: what it writes there is there
   * exactly once. What it throws rolls the transaction back, and fails the attempt.
   *
   * @param begin opens the transaction, of pg, postgres.js, Drizzle, Kysely, Knex or Prisma: `(work) => db.transaction(work)`
   * @returns what was recorded, as for steps
   * @throws whatever `begin` and the function throw; `NotCommitted` when the transaction was rolled back without an error; MillraceError
   *   `invalid_transaction`, `lease_lost`, `run_finished`; as for steps
   */
  readonly transaction: <Tx extends Transaction, T>(
    name: string,
    begin: Begin<Tx>,
    fn: (tx: Tx, step: StepContext) => T | Promise<T>,
  ) => Promise<T>;
  /**
   * Steps with compensations, which run when the run is cancelled or has failed for good. A run that uses one does not end so before what
   * it did is made good. In `job.call` they run when the handler throws.
   */
  readonly saga: () => Saga;
}

/** {@link Step.fanOut}. */
export interface FanOut {
  <J extends AnyJob>(
    job: J,
    inputs: readonly InputOf<J>[],
    options: FanOutOptions & { failures: "collect" },
  ): Promise<FanOutResult<OutputOf<J>>[]>;
  <J extends AnyJob>(
    job: J,
    inputs: readonly InputOf<J>[],
    options?: FanOutOptions & { failures?: "stop" },
  ): Promise<OutputOf<J>[]>;
}

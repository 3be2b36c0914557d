import type { Trigger } from "@millrace/core";
import type { ContinueAsNew } from "./continuation.ts";
import type { Fetch } from "./http/fetch-order.ts";
import type { Publish } from "./publication.ts";
import type { SecretValues } from "./secrets.ts";
import type { Transaction } from "./sql/transaction.ts";
import type { Step } from "./step/step.ts";

/** Values logged beside a message. */
export type LogFields = Record<string, unknown>;

/** Lines that are kept with the run, and go to the process's log with its ids. */
export interface RunLog {
  readonly debug: (message: string, fields?: LogFields) => void;
  readonly info: (message: string, fields?: LogFields) => void;
  readonly warn: (message: string, fields?: LogFields) => void;
  readonly error: (message: string, fields?: LogFields) => void;
}

/** What a handler is told about the attempt it makes. It is the same whatever started the run. */
export interface Context<
  // oxlint-disable-next-line typescript/no-explicit-any -- what takes a context takes that of every job
  Input = any,
  // oxlint-disable-next-line typescript/no-explicit-any -- the same
  Secrets extends SecretValues = any,
> {
  /** The run's id (UUIDv7). */
  readonly runId: string;
  /** The job's name. */
  readonly job: string;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** What caused the run. */
  readonly trigger: Trigger;
  /**
   * Of a run that a schedule started, and of its reruns: the instant that the schedule names, however late the run is.
   * Undefined for others.
   */
  readonly scheduledFor: Date | undefined;
  /**
   * The same text in every attempt of this run, and in no other run: hand it to the systems that you call, so that they
   * can recognise a repeated request.
   */
  readonly idempotencyKey: string;
  /** Ties the run to the request that caused it, when the caller gave one. */
  readonly correlationId: string | undefined;
  /**
   * The secrets that the job declares (`secrets: ["CRM_TOKEN"]`), by their names. Their values are masked in logs and errors, and refused in
   * what is recorded. Those that are bound to hosts have no text: give them to {@link Context.fetch} in a header. An attempt that does not get
   * all of them fails before its handler starts.
   */
  readonly secrets: Secrets;
  /** Aborted on timeout, cancel, shutdown and loss of the lease; `signal.reason` is an {@link Aborted}. */
  readonly signal: AbortSignal;
  readonly log: RunLog;
  /**
   * Like `fetch`, for calling others: within the limits of the host, tried again where that is safe, stopped with the attempt, on record in the
   * run's timeline, and never led by an input to where only this machine may go. Unlike `fetch` it throws an `HttpError` for an answer of 400
   * or more, unless `accept` names it. Say which hosts code calls, and how, in the job's `hosts`.
   *
   * @throws HttpError, NoAnswerError; MillraceError `invalid_fetch`, `blocked_destination`, `destination_not_allowed`
   */
  readonly fetch: Fetch;
  /**
   * Durable steps and sleeps: what they give is recorded once, and given back in every later attempt. In `job.call` no run
   * is on record: steps simply run, and sleeps wait in place.
   */
  readonly step: Step;
  /**
   * Records how far the run is; the newest value is kept, so call it as often as you like.
   *
   * @param done units done so far
   * @param total units in all, when known
   * @param message what is being done
   */
  readonly progress: (done: number, total?: number, message?: string) => void;
  /**
   * Publishes a value under a key, for whoever asks (`client.run(id).query(key)`), also while the run waits and after it has ended. The last
   * value of a key is kept: when the attempt begins anew, what it comes by does not take the place of what was published further on. It is
   * on record when this settles, and at the latest before the attempt ends; so there is no need to wait for it. In `job.call` it is kept nowhere.
   *
   * @param key 1 to 100 characters; up to 100 keys a run
   * @param value JSON of up to 64 KiB
   * @throws MillraceError `invalid_publication`, `invalid_json`, `payload_too_large`, at once; with the 101st key the run has failed
   */
  readonly publish: Publish;
  /**
   * Says what the run has really cost, in the units of its job's rate. When it ends, the rate is given back what was
   * taken too much at its start, or charged what was too little. The last value counts.
   *
   * @param units 0 or more
   */
  readonly cost: (units: number) => void;
  /**
   * Ends the run and starts its successor in one transaction: a run of the same job with an empty record, for what would go on for too long
   * in one. Return what it gives. The successor has the queue, the priority, the correlation id and the trigger of this run; whoever waits for
   * the run waits for the last of its chain, and events that it has not taken are for that. In `job.call` the handler is called again.
   *
   * @param input checked by the job's schema before anything is written
   * @throws MillraceError `invalid_input`, `invalid_json`, `payload_too_large`
   */
  readonly continueAsNew: ContinueAsNew<Input>;
  /**
   * Completes the run inside a transaction of your own: your rows and the run's outcome are written together or not at all.
   * Call it last, commit, and return what it gives. When the transaction does not commit, the attempt has failed, even if
   * the handler returns. In `job.call` no run is on record, and nothing is written.
   *
   * @param tx the handle of a transaction of pg, postgres.js, Drizzle, Kysely, Knex or Prisma, on Millrace's database
   * @param output the run's output, as if it were returned
   * @returns `output`
   * @throws MillraceError `invalid_transaction`, and `lease_lost` or `run_finished`: then the transaction is aborted; what
   *   is no valid output fails the run for good, as if it were returned
   */
  readonly completeIn: <Output>(tx: Transaction, output: Output) => Promise<Output>;
}

/** One of the runs that a batch handler was given. */
export interface BatchItem {
  readonly runId: string;
  readonly attempt: number;
  /** The same text in every attempt of this run. */
  readonly idempotencyKey: string;
  readonly correlationId: string | undefined;
  readonly trigger: Trigger;
  /** The instant that its schedule names; undefined for a run that no schedule started. */
  readonly scheduledFor: Date | undefined;
}

/** What a batch handler is told: its runs, in the order of their inputs. The log and the progress go to all of them. */
export interface BatchContext<
  // oxlint-disable-next-line typescript/no-explicit-any -- what takes a context takes that of every job
  Secrets extends SecretValues = any,
> extends Pick<
  Context<unknown, Secrets>,
  "job" | "signal" | "log" | "progress" | "secrets" | "fetch"
> {
  readonly items: readonly BatchItem[];
}

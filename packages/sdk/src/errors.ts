/**
 * The errors by which a handler steers its own retries. They are recognised by a mark, not by class identity, so that
 * they work when two copies of this package are installed.
 */
const NON_RETRYABLE = Symbol.for("millrace.NonRetryableError");
const RETRY_AFTER = Symbol.for("millrace.RetryAfterError");
const HOLD = Symbol.for("millrace.RetryAfterError.hold");

/** Thrown by a handler to fail the run at once: no attempt that is left would end differently. */
export class NonRetryableError extends Error {
  override readonly name: string = "NonRetryableError";
  readonly [NON_RETRYABLE] = true;
}

/** Marks an error that is ours as one that no other attempt would escape. */
export function nonRetryable<E extends Error>(error: E): E {
  Object.defineProperty(error, NON_RETRYABLE, { value: true });
  return error;
}

/** Marks an error that is ours as one that says when to try again. */
export function retryAfter<E extends Error>(error: E, ms: number): E {
  Object.defineProperty(error, RETRY_AFTER, { value: ms });
  return error;
}

/** What a {@link RetryAfterError} may say besides. */
export interface RetryAfterOptions extends ErrorOptions {
  /**
   * Who waits: this run (default), all runs of its concurrency or rate key, or all runs of its job, on every worker. A job
   * without a key takes `key` as `job`.
   */
  hold?: "run" | "key" | "job";
}

/** Thrown by a handler that knows when to try again, as from an HTTP `Retry-After`. It uses up an attempt. */
export class RetryAfterError extends Error {
  override readonly name: string = "RetryAfterError";
  readonly [RETRY_AFTER]: number;
  readonly [HOLD]: "run" | "key" | "job";

  /** @param after milliseconds from now, or an instant */
  constructor(message: string, after: number | Date, options: RetryAfterOptions = {}) {
    super(message, options);
    this[HOLD] = requireHold(options.hold ?? "run");
    const ms = after instanceof Date ? after.getTime() - Date.now() : after;
    if (Number.isNaN(ms)) throw new RangeError("RetryAfterError: `after` is not a time");
    this[RETRY_AFTER] = Math.max(0, ms);
  }
}

function requireHold(hold: string): "run" | "key" | "job" {
  if (hold === "run" || hold === "key" || hold === "job") return hold;
  throw new RangeError(`RetryAfterError: hold is run, key or job, not ${JSON.stringify(hold)}`);
}

/** What an error, or one of its causes, says must wait besides its run; undefined when nothing. */
export function holdOf(error: unknown): "key" | "job" | undefined {
  for (const e of errorChain(error)) {
    const hold = (e as { [HOLD]?: unknown } | null | undefined)?.[HOLD];
    if (hold === "key" || hold === "job") return hold;
  }
  return undefined;
}

/** Whether an error, or one of its causes, says that retrying is pointless. */
export function isNonRetryable(error: unknown): boolean {
  return errorChain(error).some(
    (e) => (e as { [NON_RETRYABLE]?: boolean } | null | undefined)?.[NON_RETRYABLE] === true,
  );
}

/** The wait in milliseconds that an error, or one of its causes, asks for. */
export function retryAfterMs(error: unknown): number | undefined {
  for (const e of errorChain(error)) {
    const ms = (e as { [RETRY_AFTER]?: number } | null | undefined)?.[RETRY_AFTER];
    if (typeof ms === "number") return ms;
  }
  return undefined;
}

/** What was thrown, whatever it is, and its causes; five at the most, because a chain may be a cycle. */
export function errorChain(thrown: unknown): unknown[] {
  const chain = [thrown];
  for (let e = thrown; typeof e === "object" && e !== null && chain.length < 5;) {
    e = (e as { cause?: unknown }).cause;
    if (typeof e !== "object" || e === null) break;
    chain.push(e);
  }
  return chain;
}

/** Why a handler's `signal` was aborted; it is `signal.reason`. */
export class Aborted extends Error {
  override readonly name = "Aborted";
  /** `failed`: the run has failed for good, and this attempt is there to make good what it did. */
  readonly why: "timeout" | "cancelled" | "failed" | "shutdown" | "lease-lost";

  constructor(why: Aborted["why"], message: string) {
    super(message);
    this.why = why;
  }
}

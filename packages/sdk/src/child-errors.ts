import { NonRetryableError } from "./errors.ts";

/**
 * A run that a step has called, a child, failed for good. It is what the call came to, on record: every later attempt gets the same. So
 * an attempt that fails with it is not made again.
 */
export class ChildFailedError extends NonRetryableError {
  override readonly name = "ChildFailedError";
  /** The child. In `job.call` no run is on record, and this is the nil UUID. */
  readonly runId: string;
  readonly job: string;
  /** The class of its last error, such as `TypeError`. */
  readonly errorClass: string;
  /** The message of its last error. */
  readonly errorMessage: string;

  constructor(
    runId: string,
    job: string,
    errorClass: string,
    errorMessage: string,
    options?: ErrorOptions,
  ) {
    super(`run ${runId} of job ${job} failed: ${errorClass}: ${errorMessage}`, options);
    this.runId = runId;
    this.job = job;
    this.errorClass = errorClass;
    this.errorMessage = errorMessage;
  }
}

/** A run that a step has called was cancelled. As final as a {@link ChildFailedError}. */
export class ChildCancelledError extends NonRetryableError {
  override readonly name = "ChildCancelledError";
  /** The child. */
  readonly runId: string;
  readonly job: string;

  constructor(runId: string, job: string) {
    super(`run ${runId} of job ${job} was cancelled`);
    this.runId = runId;
    this.job = job;
  }
}

/** A run that a step has called had not ended within the `timeout` of the call; it is cancelled. As final as a {@link ChildFailedError}. */
export class ChildTimeoutError extends NonRetryableError {
  override readonly name = "ChildTimeoutError";
  /** The child. In `job.call` no run is on record, and this is the nil UUID. */
  readonly runId: string;
  readonly job: string;

  constructor(runId: string, job: string) {
    super(`run ${runId} of job ${job} had not ended in time`);
    this.runId = runId;
    this.job = job;
  }
}

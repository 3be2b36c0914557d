/** Whoever waits for a run's result learns by this that its last attempt failed. */
export class RunFailedError extends Error {
  override readonly name = "RunFailedError";
  readonly runId: string;
  /** The class of the handler's error, such as `TypeError`. */
  readonly errorClass: string;
  /** The message of the handler's error. */
  readonly errorMessage: string;

  constructor(runId: string, errorClass: string, errorMessage: string) {
    super(`run ${runId} failed: ${errorClass}: ${errorMessage}`);
    this.runId = runId;
    this.errorClass = errorClass;
    this.errorMessage = errorMessage;
  }
}

/** Whoever waits for a run's result learns by this that it was cancelled. */
export class RunCancelledError extends Error {
  override readonly name = "RunCancelledError";
  readonly runId: string;

  constructor(runId: string) {
    super(`run ${runId} was cancelled`);
    this.runId = runId;
  }
}

export { MillraceError, type Duration, type RetryOptions } from "@millrace/core";
export {
  type Client,
  type ClientOptions,
  type EnqueueManyOptions,
  type EnqueueOptions,
  type EnqueuedResult,
  createClient,
} from "./client.ts";
export type { Context, LogFields, RunLog } from "./context.ts";
export { defineJob, isJob } from "./define-job.ts";
export {
  Aborted,
  NonRetryableError,
  RetryAfterError,
  isNonRetryable,
  retryAfterMs,
} from "./errors.ts";
export { checkInput } from "./input.ts";
export { RunCancelledError, RunFailedError } from "./run-errors.ts";
export { EnqueuedRun, type ResultOptions, RunHandle } from "./run-handle.ts";
export type {
  AnyJob,
  CallOptions,
  InputOf,
  InputSchema,
  Job,
  JobOptions,
  OutputOf,
} from "./job.ts";

export {
  type BackoffOptions,
  type Duration,
  MillraceError,
  type RetryBudgetOptions,
  type RetryOptions,
  type Size,
} from "@millrace/core";
export {
  type Client,
  type ClientOptions,
  type EnqueueManyOptions,
  type EnqueueOptions,
  type EnqueuedResult,
  createClient,
} from "./client.ts";
export { batchResults } from "./batch-results.ts";
export { ChildCancelledError, ChildFailedError, ChildTimeoutError } from "./child-errors.ts";
export type { BatchContext, BatchItem, Context, LogFields, RunLog } from "./context.ts";
export {
  type AnyEvent,
  checkPayload,
  defineEvent,
  type Event,
  type EventOptions,
  isEvent,
  type PayloadOf,
  type ReceivedOf,
  type WaitForOptions,
  type Where,
} from "./define-event.ts";
export { Continuation, type ContinueAsNew, Continuing, isContinuation } from "./continuation.ts";
export { defineJob } from "./define-job.ts";
export {
  defineSchedule,
  isSchedule,
  type Schedule,
  type ScheduleOptions,
} from "./define-schedule.ts";
export { defineQueue, isQueue, type Queue, type QueueOptions } from "./define-queue.ts";
export {
  Aborted,
  NonRetryableError,
  RetryAfterError,
  type RetryAfterOptions,
  holdOf,
  isNonRetryable,
  nonRetryable,
  retryAfterMs,
} from "./errors.ts";
export { after, type After } from "./flow/after.ts";
export { defineFlow, type FlowJobOptions } from "./flow/define-flow.ts";
export type { Flow, LastOf } from "./flow/flow.ts";
export { NodeFailedError } from "./flow/node-failed-error.ts";
export type {
  ChildNodeOptions,
  ChildrenNodeOptions,
  EdgeOptions,
  ItemContext,
  ItemEnd,
  MapOptions,
  Needs,
  NodeContext,
  NodeEnd,
  NodeError,
  NodeOptions,
} from "./flow/node-types.ts";
export { checkInput } from "./input.ts";
export { PUBLISH_LIMITS, type Publication, type Publish, badPublication } from "./publication.ts";
export { isJob } from "./is-job.ts";
export { type ReplayEnd, type ReplayedRun, replayJob } from "./replay-job.ts";
export { RunCancelledError, RunFailedError } from "./run-errors.ts";
export { EnqueuedRun, type ResultOptions, RunHandle } from "./run-handle.ts";
export type {
  AnyJob,
  BatchJobOptions,
  CallOptions,
  InputOf,
  InputSchema,
  Isolation,
  Job,
  JobOptions,
  JobRetryOptions,
  KeyPath,
  Limits,
  OutputOf,
} from "./job.ts";
export {
  givenSecrets,
  type HeldSecrets,
  requireKinds,
  secretsFor,
  type SecretDeclaration,
  type SecretsOf,
  type SecretValues,
  type WantsSecrets,
} from "./secrets.ts";
export {
  type BreakerOptions,
  defineHost,
  type FetchRetryOptions,
  type Host,
  type HostOptions,
} from "./http/define-host.ts";
export type { Fetch, FetchBody, FetchHeader, FetchHeaders, FetchInit } from "./http/fetch-order.ts";
export {
  basic,
  bearer,
  type HostBound,
  type HostSecret,
  hostSecret,
  type HostSecretName,
  type SecretHeader,
} from "./http/host-secret.ts";
export {
  HttpError,
  type HttpErrorFacts,
  NoAnswerError,
  type NoAnswerFacts,
  type NoAnswerReason,
} from "./http/http-error.ts";
export type { Approval, ApprovalLink, ApprovalOptions } from "./step/approval.ts";
export type { EmitOptions, SignalOptions } from "./send-event.ts";
export type { ChildOptions, FanOutOptions } from "./step/child-options.ts";
export type { ChildFailure, FanOutResult } from "./step/child-results.ts";
export type { EffectContext, EffectOptions, Verified } from "./step/effect.ts";
export type { Begin } from "./step/transaction-step.ts";
export type { Step, StepContext, StepOptions, StepRetryOptions } from "./step/step.ts";
export type {
  AskedApproval,
  AwaitedEvent,
  Checkpoint,
  Checkpoints,
  DoubtAnswer,
  NewCheckpoint,
  NewChildren,
  NewNote,
  NewWait,
  Noted,
  Recorded,
  StandingIntent,
  StandingWait,
  Suspension,
  StepPlace,
  Taken,
  Wait,
} from "./step/checkpoints.ts";
export { divergenceOf } from "./step/divergence.ts";
export type { Saga, Undo } from "./step/saga.ts";
export { CompensationError, type Unwinding } from "./step/unwinding.ts";
export { StepFailedError } from "./step/step-failure.ts";
export { StepRunner, type StepRunnerOptions, currentStep } from "./step/step-runner.ts";
export {
  type RetryAnswer,
  type RetryJudgement,
  type RetryRule,
  type RetryRuleAnswer,
  judgeRetry,
  on,
} from "./retry-rules.ts";

export { OwnSessions } from "./api/own-sessions.ts";
export { type ApiOptions, buildApi } from "./api/build-api.ts";
export { endConnectionsOnClose } from "./api/connections.ts";
export { lastEventId } from "./api/event-stream.ts";
export { EventStreams } from "./api/event-streams.ts";
export { type Advanced, advanceOperation } from "./engine/advance-operation.ts";
export { Claimer } from "./engine/claim.ts";
export { cancel } from "./engine/cancel.ts";
export { dismiss, rerunDeadLetter } from "./engine/dead-letter.ts";
export { dispatch } from "./engine/dispatch.ts";
export { type EnqueueRequest, type EnqueuedRun, enqueue } from "./engine/enqueue.ts";
export { Intake, type RunRequest } from "./engine/intake.ts";
export { IntakeTest } from "./engine/intake-test.ts";
export { JobRegistry } from "./engine/job-registry.ts";
export { explain } from "./engine/explain.ts";
export { keepGate, tidyGate } from "./engine/keep-gate.ts";
export { type QueueLimits, setQueueLimits } from "./engine/limit-queue.ts";
export { beginOperation, requireOperation, steerOperation } from "./engine/operation.ts";
export {
  hold,
  type JobPause,
  pause,
  pauseJobOrKey,
  resume,
  resumeJobOrKey,
} from "./engine/pause.ts";
export { eraseSubject } from "./engine/subjects/erase.ts";
export { Subjects } from "./engine/subjects/subjects.ts";
export { SubjectEnder } from "./maintenance/subject-ender.ts";
export { beginBackfill } from "./engine/schedule/backfill.ts";
export { fireDue } from "./engine/schedule/fire-due.ts";
export { fireWaiting } from "./engine/schedule/fire-waiting.ts";
export {
  createSchedule,
  editSchedule,
  type GivenSchedule,
  pauseOne as pauseSchedule,
  removeOne as removeSchedule,
  requireSchedule,
  resetSchedule,
  resumeOne as resumeSchedule,
} from "./engine/schedule/schedules.ts";
export { watchForStarts } from "./engine/schedule/watch-starts.ts";
export { loadSecrets, type SecretOrigins } from "./engine/load-secrets.ts";
export { rotateSecrets } from "./engine/rotate-secrets.ts";
export { requireKeys, setSecret } from "./engine/secrets.ts";
export { type Outcome, type Settled, settle } from "./engine/settle.ts";
export { OperationRunner } from "./maintenance/operation-runner.ts";
export { PartitionKeeper, keepPartitions } from "./maintenance/partition-keeper.ts";
export { type Pruned, prune } from "./maintenance/prune.ts";
export { Pruner, pruneAlone } from "./maintenance/pruner.ts";
export { Reaper } from "./maintenance/reaper.ts";
export { BackfillRunner } from "./scheduler/backfill-runner.ts";
export { Scheduler, type SchedulerOptions } from "./scheduler/scheduler.ts";
export { GateKeeper } from "./scheduler/gate-keeper.ts";
export { Dispatcher } from "./scheduler/dispatcher.ts";
export { Waker } from "./scheduler/waker.ts";
export { WebhookPruner } from "./maintenance/webhook-pruner.ts";
export { WebhookSender, type WebhookSenderOptions } from "./maintenance/webhook-sender.ts";
export { AllowedHosts, OutboundGuard, type Resolve } from "@millrace/sdk/http";
export { KeyRing, type SecretKeys } from "./security/key-ring.ts";
export { Masks } from "./security/masks.ts";
export { Passwords } from "./security/passwords.ts";
export { SignOn, type SignOnSettings } from "./security/sign-on.ts";
export { type Database, inTransaction, openDatabase } from "./store/database.ts";
export { migrate, pendingMigrations } from "./store/migrate.ts";
export {
  BoundedLabel,
  Counter,
  Gauge,
  Histogram,
  Registry as MetricsRegistry,
} from "./telemetry/metrics.ts";
export { LogMetrics } from "./worker/log-metrics.ts";
export { measureProcess } from "./telemetry/process-metrics.ts";
export { type LogLevel, type Logger, createLogger } from "./telemetry/logger.ts";
export { Bell } from "./transport/bell.ts";
export { PostgresTransport } from "./transport/postgres/postgres-transport.ts";
export { LinkedTransport } from "./transport/linked-transport.ts";
export { MemoryBroker } from "./transport/memory/memory-broker.ts";
export { openTransport } from "./transport/open-transport.ts";
export { TransportMetrics } from "./transport/transport-metrics.ts";
export type {
  Delivery,
  Transport,
  TransportObserver,
  TransportReceiver,
} from "./transport/transport.ts";
export type { IsolationOptions } from "./worker/isolation/lanes.ts";
export { SecretLeases } from "./worker/secret-leases.ts";
export { WorkerMetrics } from "./worker/worker-metrics.ts";
export { Worker } from "./worker/worker.ts";
export type { WorkerOptions } from "./worker/worker-options.ts";

export {
  APPROVING_ROLES,
  type ApprovingRole,
  DEFAULT_PROJECT,
  isAtLeast,
  may,
  type Permission,
  PERMISSIONS,
  PERSON_ROLES,
  type PersonRole,
  type Projects,
  type Role,
  ROLES,
  rolesThatMay,
} from "./access.ts";
export { MAX_DEPTH } from "./max-depth.ts";
export { DASHBOARD_PATHS, type DashboardPath } from "./dashboard-paths.ts";
export {
  type Duration,
  LONGEST_DURATION,
  durationMs,
  formatDuration,
  isTooLong,
} from "./duration.ts";
export { ERROR_CODES, type ErrorCode, MillraceError } from "./errors.ts";
export { type Failure, toFailure } from "./failure.ts";
export {
  type BatchOptions,
  type Collapse,
  type ConcurrencyOptions,
  type DebounceOptions,
  FLOW_OPTIONS,
  type FlowOptions,
  flowPolicy,
  type FlowPolicy,
  type Rate,
  type RateLimitOptions,
  rateOf,
  type ThrottleOptions,
  WHEN_FULL,
  type WhenFull,
} from "./flow-policy.ts";
export { fingerprintOf } from "./fingerprint.ts";
export {
  type FlowEnd,
  type FlowGraph,
  type FlowNode,
  changedNodes,
  MAX_GRAPH_BYTES,
  MAX_NODES,
  NODE_KINDS,
  NODE_NAME,
  NODE_RULES,
  NODE_STEPS,
  type NodeFailure,
  type NodeKind,
  type NodeRule,
  type NodeTurn,
  turnOf,
} from "./flow-graph.ts";
export { toInputText } from "./input-text.ts";
export { byteLength, isLonger, type Json, MAX_JSON_DEPTH, toJsonText } from "./json.ts";
export { ExactNumber, readExactJson, withExactNumbers } from "./exact-json.ts";
export { hasLongNumber, jsonLosses, type Loss } from "./json-losses.ts";
export { LOG_LEVELS, type LogLevel } from "./log-level.ts";
export {
  DEFAULT_QUEUE,
  isName,
  MAX_NAME_LENGTH,
  MAX_PRIORITY,
  MIN_PRIORITY,
  NAME_PATTERN,
  requireName,
} from "./names.ts";
export { didYouMean, nearestWord } from "./nearest-word.ts";
export { mapPayload, mappingTrouble, type PayloadMapping } from "./payload-mapping.ts";
export {
  LINE_QUERY_FIELDS,
  QUERY_FIELDS,
  QUERY_STATES,
  type QueryField,
  type QueryState,
} from "./query/fields.ts";
export {
  isFingerprint,
  MAX_QUERY_LENGTH,
  parseQuery,
  type QueryOperator,
  type QueryTerm,
  type RunQuery,
} from "./query/parse.ts";
export { QuerySyntaxError } from "./query/syntax-error.ts";
export { writeQuery } from "./query/write.ts";
export { retentionMs } from "./retention.ts";
export {
  backoff,
  type Backoff,
  type BackoffOptions,
  retryDelayMs,
  type RetryBudget,
  type RetryBudgetOptions,
  type RetryOptions,
  retryPolicy,
  type RetryPolicy,
} from "./retry-policy.ts";
export {
  allows,
  ATTEMPT_OUTCOMES,
  type AttemptOutcome,
  FINAL_STATES,
  type FinalState,
  isFinal,
  lifecycleDiagram,
  RUN_STATES,
  type RunEvent,
  type RunState,
  type Transition,
  TRANSITIONS,
  type Trigger,
  TRIGGERS,
} from "./run.ts";
export {
  holdWorkers,
  type LoadTrend,
  type QueueLoad,
  type ScalingMemory,
  type ScalingPolicy,
  trendOf,
  workersWanted,
} from "./scaling.ts";
export {
  type Outlook,
  outlookInWords,
  outlookOf,
  OUTLOOKS,
  type QueueNow,
  type QueueSample,
} from "./backlog.ts";
export { notifyStep } from "./notify-step.ts";
export { formatSize, type Size, sizeBytes } from "./size.ts";
export {
  STEP_KINDS,
  STEP_LIMITS,
  type StepKind,
  STORED_LIMITS,
  type ValueLimits,
} from "./step-limits.ts";
export { readStoredValue, storedValueText, type StoredValue } from "./stored-value.ts";
export { fromStepText, toStepText } from "./step-value.ts";
export { agendaOf, type AgendaEntry, type Shift, shiftsOf } from "./schedule/agenda.ts";
export type { Blackout } from "./schedule/blackout.ts";
export {
  type Calendar,
  OFF_DAYS,
  type OffDay,
  type Weekday,
  WEEKDAYS,
} from "./schedule/calendar.ts";
export type { DstMark } from "./schedule/in-zone.ts";
export { END_OF_TIME, instantOf } from "./schedule/instant.ts";
export {
  MISSED,
  type Missed,
  type Overlap,
  OVERLAPS,
  POLICY_OPTIONS,
  schedulePolicy,
  type SchedulePolicy,
  type SchedulePolicyOptions,
} from "./schedule/policy.ts";
export { previewOccurrences, type PreviewedOccurrence } from "./schedule/preview.ts";
export { durationText, ruleOptions } from "./schedule/rule-options.ts";
export { isFinerThanMinutes } from "./schedule/pace.ts";
export {
  type Next,
  type Occurrence,
  occurrencesOf,
  type Rule,
  RULE_OPTIONS,
  type RuleOptions,
  scheduleRule,
} from "./schedule/rule.ts";
export { searchablePaths, type SearchableNeeds } from "./searchable.ts";
export { SECRET_HOST_RULE, secretHost } from "./secret-host.ts";
export { isSecretKey } from "./secret-key-name.ts";
export {
  MAX_SECRET_LENGTH,
  MIN_SECRET_LENGTH,
  requireSecretNames,
  SECRET_NAME_PATTERN,
} from "./secret-name.ts";
export { ERASED, type SubjectNeeds, subjectIn, subjectPath } from "./subject.ts";
export { readTraceContext, type TraceContext, traceContextText } from "./trace-context.ts";
export {
  ALERT_KIND_NAMES,
  ALERT_KINDS,
  ALERT_STATES,
  ALERT_TARGET_KINDS,
  alertAmount,
  type AlertKind,
  type AlertKindName,
  alertScope,
  type AlertState,
  alertSummary,
  type AlertTargetKind,
  type AlertUnit,
  isAlertKind,
  isOfProjects,
  NOTIFICATION_OUTCOMES,
  type NotificationOutcome,
  SEVERITIES,
  type Severity,
} from "./alert.ts";
export {
  DELIVERY_OUTCOMES,
  type DeliveryOutcome,
  RECEIPT_OUTCOMES,
  type ReceiptOutcome,
  WEBHOOK_EVENTS,
  WEBHOOK_SCHEMES,
  type WebhookEvent,
  type WebhookScheme,
} from "./webhook.ts";

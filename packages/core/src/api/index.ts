export { Agenda, MAX_AGENDA, MAX_AGENDA_DAYS, MAX_AGENDA_SCHEDULES, ReadAgenda } from "./agenda.ts";
export {
  AnswerApproval,
  AnsweredApproval,
  Approval,
  ApprovalPage,
  ListApprovals,
} from "./approvals.ts";
export {
  AUDIT_ACTIONS,
  AUDIT_WINDOW,
  type AuditAction,
  AuditEntry,
  AuditHead,
  AuditPage,
  ListAudit,
  MAX_AUDIT_PAGE,
} from "./audit.ts";
export { Automation, AutomationAccepted, PostAutomation } from "./automations.ts";
export {
  DEAD_LETTER_WINDOW,
  DeadLetter,
  DeadLetterDetail,
  DeadLetterFilter,
  DeadLetterGroup,
  DeadLetterGroups,
  DeadLetterPage,
  Dismiss,
  GROUP_WINDOW,
  GroupDeadLetters,
  JsonPatch,
  ListDeadLetters,
  PatchPreview,
  PreviewPatch,
  Rerun,
} from "./dead-letters.ts";
export { Checkup, Finding } from "./doctor.ts";
export { Doubt, DoubtPage, ListDoubts, ResolveDoubt, ResolvedDoubt } from "./doubts.ts";
export {
  ChangeErrorGroup,
  ErrorGroup,
  ErrorGroupDetail,
  ErrorGroupPage,
  FingerprintParam,
  ListErrorGroups,
} from "./error-groups.ts";
export { PayloadDiff } from "./payload-diff.ts";
export { EmitEvent, EmittedEvent } from "./events.ts";
export { Blocker, BLOCKERS, Explanation } from "./explain.ts";
export {
  ApiKeyInfo,
  ApiKeyList,
  CreateApiKey,
  CreatedApiKey,
  RotateApiKey,
  WhoAmI,
} from "./keys.ts";
export {
  AddIncidentNote,
  ByIncident,
  CreateIncident,
  Incident,
  IncidentInfo,
  IncidentNote,
  IncidentPage,
  IncidentRun,
  IncidentSnapshot,
  ListIncidents,
  MAX_INCIDENT_NOTES,
  MAX_INCIDENT_RUNS,
  MAX_INCIDENTS,
} from "./incidents.ts";
export { JobFlow, JobGraph, JobInfo, JobList, JobTimes } from "./jobs.ts";
export { LiveTick, MAX_WATCHED, WatchLive } from "./live.ts";
export { FollowLogs, LinePage, ListLines, LostLines, RunLine } from "./lines.ts";
export {
  Attention,
  MAX_OF_A_MINUTE,
  Overview,
  OVERVIEW_RANGES,
  OverviewMinute,
  type OverviewRange,
  ReadOverview,
  ReadOverviewMinute,
} from "./overview.ts";
export {
  DisableJob,
  DrainQueue,
  PauseInfo,
  PausedInfo,
  PauseJob,
  PauseList,
  PauseQueue,
  ResumeJob,
} from "./pauses.ts";
export {
  ChangeOperation,
  CreateOperation,
  ENDED_OPERATION_STATES,
  ListMembers,
  ListOperations,
  MAX_MEMBERS,
  Operation,
  OperationMembers,
  OperationPage,
  OperationPreview,
} from "./operations.ts";
export {
  AddPerson,
  ChangedPerson,
  ChangeOwnPassword,
  ChangePerson,
  Email,
  InvitedPerson,
  LogIn,
  PersonInfo,
  PersonList,
  SessionInfo,
} from "./people.ts";
export { Confinement, CreateProject, MoveToProject, ProjectInfo, ProjectList } from "./projects.ts";
export { Problem } from "./problem.ts";
export { Published, PublishedList, ReadPublished } from "./published.ts";
export { QueueFill, QueueInfo, QueueList, QueueOutlook, SetQueueLimits } from "./queues.ts";
export { RateGiven, RateInfo } from "./rates.ts";
export {
  AcceptedRun,
  Attempt,
  Cancel,
  CancelResult,
  MovedRun,
  MoveRun,
  Children,
  CountRuns,
  ExportRuns,
  CreatedRuns,
  CreateRun,
  CreateRuns,
  Evidence,
  Instant,
  LengthOfTime,
  LIST_WINDOW,
  ListRuns,
  MAX_BULK,
  MAX_COUNT,
  MAX_PAGE,
  ListRunSteps,
  MAX_STEPS_SHOWN,
  RunStepPage,
  StartedNow,
  Name,
  Parent,
  QueryText,
  Reason,
  Run,
  RunId,
  RunCount,
  RunPage,
  RunStateSchema,
  RunStep,
  RunSummary,
  Searched,
  TimelineEntry,
  ForkRun,
  ForkedRun,
  OpenRuns,
  ReadRunRecord,
  RunRecord,
  MAX_OPEN_RUNS,
  ReadOpenRuns,
} from "./runs.ts";
export { LOG_LEVELS } from "../log-level.ts";
export { FollowLog, LOG_WINDOW, LogEnd, LogLine, LogPage, ReadLog } from "./run-log.ts";
export { GraphNode, MAX_CHILDREN_NAMED, MAX_GRAPH_STEPS, RunGraph } from "./run-graph.ts";
export { History, Retention, RetentionRule } from "./retention.ts";
export { QueueScaling, ReadScaling, Scaling } from "./scaling.ts";
export {
  Backfill,
  BackfillPreview,
  BackfillRange,
  ChangeSchedule,
  CreateSchedule,
  ListOccurrences,
  ListSchedules,
  MAX_BACKFILL,
  OCCURRENCE_OUTCOMES,
  OccurrenceInfo,
  OccurrencePage,
  OccurrencePreview,
  PreviewRule,
  PreviewSchedule,
  ScheduleInfo,
  SchedulePage,
  SchedulePreview,
} from "./schedules.ts";
export {
  AcknowledgeAlert,
  AlertId,
  AlertInfo,
  AlertPage,
  AlertRuleInfo,
  AlertRuleList,
  AlertSilenceInfo,
  AlertSilenceList,
  AlertTargetInfo,
  AlertTargetList,
  ListAlerts,
  ListNotifications,
  NotificationInfo,
  NotificationPage,
  SetAlertRule,
  SetAlertTarget,
  SilenceAlerts,
} from "./alerts.ts";
export { EraseSubject, ErasedSubject } from "./subjects.ts";
export { RotatedSecrets, SecretInfo, SecretList, SecretName, SetSecret } from "./secrets.ts";
export { BySlug, MAX_VIEWS, SavedView, SavedViewList, SaveView } from "./views.ts";
export {
  DeliveryId,
  DeliveryInfo,
  DeliveryPage,
  EndpointInfo,
  HookAnswer,
  ListDeliveries,
  ReceiptInfo,
  ReceiptPage,
  RotateWebhookSecret,
  SetWebhookEndpoint,
  SetWebhookSubscription,
  SubscriptionInfo,
  WebhookList,
} from "./webhooks.ts";
export { StackSample, WorkerId, WorkerInfo, WorkerList, WorkerSample } from "./workers.ts";

import { type ErrorCode, MillraceError } from "@millrace/core";

/** What a process says by its exit code; a promise like the error codes. docs/command-line.md lists them. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  partly: 4,
  unhealthy: 5,
  noRight: 6,
  unreachable: 7,
  runFailed: 10,
  runCancelled: 11,
  waitTimedOut: 12,
  interrupted: 130,
} as const;

const BY_CODE: Partial<Record<ErrorCode, number>> = {
  invalid_usage: EXIT.usage,
  invalid_setting: EXIT.usage,
  invalid_duration: EXIT.usage,
  invalid_schedule: EXIT.usage,
  invalid_request: EXIT.usage,
  invalid_input: EXIT.usage,
  invalid_json: EXIT.usage,
  invalid_patch: EXIT.usage,
  payload_too_large: EXIT.usage,
  unknown_job: EXIT.notFound,
  not_found: EXIT.notFound,
  run_not_found: EXIT.notFound,
  queue_not_found: EXIT.notFound,
  dead_letter_not_found: EXIT.notFound,
  error_group_not_found: EXIT.notFound,
  incident_not_found: EXIT.notFound,
  doubt_not_found: EXIT.notFound,
  step_not_found: EXIT.notFound,
  approval_not_found: EXIT.notFound,
  operation_not_found: EXIT.notFound,
  schedule_not_found: EXIT.notFound,
  worker_not_found: EXIT.notFound,
  key_not_found: EXIT.notFound,
  person_not_found: EXIT.notFound,
  secret_not_found: EXIT.notFound,
  webhook_not_found: EXIT.notFound,
  delivery_not_found: EXIT.notFound,
  blocked_destination: EXIT.usage,
  unauthorized: EXIT.noRight,
  forbidden: EXIT.noRight,
  server_unreachable: EXIT.unreachable,
  database_unavailable: EXIT.unreachable,
  migration_blocked: EXIT.unreachable,
};

export function exitCodeOf(error: unknown): number {
  return (error instanceof MillraceError && BY_CODE[error.code]) || EXIT.failed;
}

/**
 * The registry of error codes: one line each, shared by API, command line, SDK and docs/errors.md (a test holds the
 * page to it). A code is a promise: it is never renamed or given another meaning.
 * `status` is the HTTP answer; errors that never leave a process through HTTP answer 500 if they do.
 */
export const ERROR_CODES = {
  invalid_request: { status: 400, title: "The request is malformed" },
  invalid_input: { status: 400, title: "The input does not match the job's schema" },
  invalid_json: { status: 400, title: "The value cannot be stored as JSON" },
  invalid_patch: { status: 400, title: "The JSON Patch cannot be applied" },
  invalid_password: { status: 400, title: "The password can be guessed" },
  subject_not_encrypted: {
    status: 400,
    title: "The job keeps what its runs say encrypted, which cannot be done here",
  },
  unknown_job: { status: 400, title: "No such job is registered" },
  invalid_fetch: { status: 400, title: "ctx.fetch is called wrongly" },
  blocked_destination: { status: 400, title: "Nothing may be sent to this address" },
  unauthorized: { status: 401, title: "A valid API key or session is required" },
  invalid_signature: { status: 401, title: "No webhook of this server is signed like this" },
  second_factor_required: { status: 401, title: "The login wants a second factor" },
  login_failed: { status: 401, title: "The login failed" },
  forbidden: { status: 403, title: "The caller's role does not allow this" },
  second_factor_missing: { status: 403, title: "The role must have a second factor" },
  cross_site: { status: 403, title: "The request does not come from a page of this server" },
  insecure_origin: { status: 403, title: "A session needs https" },
  sign_on_refused: { status: 403, title: "The sign-on does not let this person in" },
  destination_not_allowed: { status: 403, title: "The secret may not be sent to this host" },
  not_found: { status: 404, title: "No such resource" },
  subject_not_found: { status: 404, title: "Nothing is kept under this subject" },
  secret_not_found: { status: 404, title: "No such secret" },
  key_not_found: { status: 404, title: "No such API key" },
  project_not_found: { status: 404, title: "No such project" },
  person_not_found: { status: 404, title: "No such person" },
  session_not_found: { status: 404, title: "There is no session" },
  setup_not_found: { status: 404, title: "The link sets no password" },
  run_not_found: { status: 404, title: "No such run" },
  queue_not_found: { status: 404, title: "No such queue" },
  dead_letter_not_found: { status: 404, title: "No such dead letter" },
  doubt_not_found: { status: 404, title: "No such effect is in doubt" },
  approval_not_found: { status: 404, title: "No such approval is asked for" },
  operation_not_found: { status: 404, title: "No such operation" },
  schedule_not_found: { status: 404, title: "No such schedule" },
  webhook_not_found: { status: 404, title: "No such webhook" },
  delivery_not_found: { status: 404, title: "No such delivery" },
  method_not_allowed: { status: 405, title: "The resource does not take this method" },
  request_timeout: { status: 408, title: "The request did not arrive in time" },
  invalid_transaction: {
    status: 400,
    title: "Not the handle of a transaction on Millrace's database",
  },
  lease_lost: { status: 409, title: "The attempt no longer holds its run" },
  subject_erased: { status: 409, title: "What was kept under the subject is erased" },
  run_finished: { status: 409, title: "The run has already finished" },
  dead_letter_handled: { status: 409, title: "The dead letter has already been handled" },
  doubt_resolved: { status: 409, title: "The doubt has already been resolved" },
  approval_answered: { status: 409, title: "The approval has already been answered" },
  approval_expired: { status: 409, title: "The time of the approval is over" },
  operation_ended: { status: 409, title: "The operation has already ended" },
  schedule_exists: { status: 409, title: "A schedule of that name exists already" },
  schedule_in_code: { status: 409, title: "The schedule is defined by code that is running" },
  idempotency_key_reused: {
    status: 409,
    title: "The idempotency key was used with another input",
  },
  request_in_progress: { status: 409, title: "A request with the same key is still under way" },
  already_done: { status: 409, title: "It was done before, and its answer is not kept" },
  idempotency_mismatch: {
    status: 422,
    title: "The Idempotency-Key was used for another request",
  },
  precondition_failed: { status: 412, title: "It was changed since it was read" },
  rate_limited: { status: 429, title: "Too many requests" },
  project_exists: { status: 409, title: "A project of that name exists already" },
  project_in_use: { status: 409, title: "Something belongs to the project still" },
  name_taken: { status: 409, title: "The name belongs to another project" },
  too_many_streams: { status: 429, title: "The caller has as many streams open as it may" },
  queue_full: { status: 429, title: "The queue takes no more runs for now" },
  person_exists: { status: 409, title: "A person of that e-mail address exists already" },
  person_disabled: { status: 409, title: "The person may not log in" },
  payload_too_large: { status: 413, title: "The payload is too large" },
  unsupported_media_type: { status: 415, title: "The body must be application/json" },
  webhook_rejected: { status: 422, title: "The webhook makes no input of its job" },
  headers_too_large: { status: 431, title: "The request's headers are too large" },
  too_many_logins: { status: 429, title: "Too many logins have failed" },
  internal: { status: 500, title: "Something went wrong on our side" },
  audit_broken: { status: 500, title: "The audit is not what was written" },
  database_unavailable: { status: 503, title: "The database cannot be reached" },
  streams_exhausted: { status: 503, title: "The server has as many streams open as it may" },
  took_too_long: { status: 503, title: "It took longer than it may" },
  login_busy: { status: 503, title: "More people log in than can be let in" },
  sign_on_unavailable: { status: 503, title: "The issuer of the sign-on does not answer" },
  invalid_schedule: { status: 400, title: "The schedule is wrong" },
  duplicate_schedule: { status: 500, title: "Two schedules have the same name" },
  invalid_duration: { status: 400, title: "Not a duration" },
  invalid_job: { status: 500, title: "The job's definition is wrong" },
  invalid_setting: { status: 500, title: "A setting is wrong" },
  invalid_queue: { status: 500, title: "The queue's definition is wrong" },
  duplicate_queue: { status: 500, title: "Two queues have the same name" },
  invalid_host: { status: 500, title: "The host's definition is wrong" },
  duplicate_host: { status: 500, title: "Two definitions are of the same host" },
  invalid_event: { status: 400, title: "The event is wrong" },
  invalid_publication: { status: 500, title: "The run publishes what it may not" },
  invalid_step: { status: 500, title: "The step is used wrongly" },
  step_not_found: { status: 404, title: "No such step" },
  step_mismatch: { status: 500, title: "The run's checkpoints are not those of this code" },
  step_too_large: { status: 500, title: "What the run's steps gave is too large" },
  stored_value_lost: { status: 500, title: "The value of a step is not where it was stored" },
  value_store_failed: { status: 503, title: "The store for values does not answer" },
  value_store_client_missing: {
    status: 500,
    title: "The client of the store for values is not installed",
  },
  too_many_steps: { status: 500, title: "The run has as many steps as a run may have" },
  duplicate_job: { status: 500, title: "Two jobs have the same name" },
  schema_too_new: { status: 500, title: "The database's schema is newer than this Millrace" },
  migration_blocked: { status: 503, title: "Others hold what a migration needs" },
  schema_changed: { status: 500, title: "An applied migration was changed" },
  unsafe_database: { status: 500, title: "The database would lose acknowledged runs" },
  embedded_unavailable: { status: 500, title: "The embedded PostgreSQL cannot run here" },
  embedded_failed: { status: 500, title: "The embedded PostgreSQL did not come up" },
  secret_missing: { status: 500, title: "The attempt does not get a secret that its job declares" },
  secrets_unavailable: { status: 503, title: "Where the secrets of a job lie gives no answer" },
  secret_exposed: { status: 500, title: "The run would put a secret on record" },
  secret_key_missing: { status: 500, title: "A key that secrets are encrypted under is not there" },
  result_timeout: {
    status: 500,
    title: "The run did not finish in the time that the caller waits",
  },
  already_running: { status: 500, title: "Millrace already runs on this data" },
  not_running: { status: 500, title: "Millrace does not run on this data" },
  address_in_use: { status: 500, title: "The address is taken by another program" },
  migrations_pending: { status: 500, title: "The database's schema is older than this Millrace" },
  jobs_not_loaded: { status: 500, title: "The jobs could not be loaded" },
  insecure_file: { status: 500, title: "A file that holds a secret can be read by others" },
  invalid_usage: { status: 400, title: "The command is not used like this" },
  transport_client_missing: { status: 500, title: "The client of the transport is not installed" },
  tracing_sdk_missing: { status: 500, title: "What sends traces is not installed" },
  server_unreachable: { status: 503, title: "The server cannot be reached" },
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/**
 * An error that is a decision for whoever called, told apart by `code`. `message` says what, where, and how to mend it,
 * and holds nothing secret: it may be shown to the caller as it stands.
 */
export class MillraceError extends Error {
  override readonly name = "MillraceError";
  readonly code: ErrorCode;
  /** Where in the caller's value the trouble lies, as a JSON Pointer (RFC 6901), when there is such a place. */
  readonly pointer: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options?: { pointer?: string | undefined; cause?: unknown },
  ) {
    super(message, options);
    this.code = code;
    this.pointer = options?.pointer;
  }
}

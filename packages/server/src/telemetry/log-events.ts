/**
 * What a line of the log is about, by its name, and which fields it may have besides `time`, `level`, `msg`, `err`, and the ids of a trace. docs/logging.md says of
 * each what it means; a test holds the two to each other. A name stays what it is: people search and alert by it.
 */
export const LOG_EVENTS = {
  // Runs and their attempts
  "attempt.cancelled": ["run", "job", "attempt", "correlation"],
  "attempt.completed": ["run", "job", "attempt", "correlation"],
  "attempt.continued": ["run", "job", "attempt", "correlation"],
  "attempt.crashed": ["run", "job", "attempt", "correlation", "error", "evidence"],
  "attempt.failed": ["run", "job", "attempt", "correlation", "error", "next", "retryInMs"],
  "attempt.killed": ["run", "job", "attempt", "correlation"],
  "attempt.let_go": ["run", "job", "attempt", "correlation"],
  "attempt.parked": ["run", "job", "attempt", "correlation"],
  "attempt.released": ["run", "job", "attempt", "correlation", "error"],
  "attempt.stuck": ["run", "job", "attempt", "correlation"],
  "attempt.superseded": ["run", "job", "attempt", "correlation"],
  "attempt.suspended": ["run", "job", "attempt", "correlation"],
  "checkpoint.put_off": ["run", "tries"],
  "outcome.aftermath_failed": ["run"],
  "outcome.put_off": ["outcomes", "tries"],
  "outcome.refused": ["run"],
  "outcome.unrecorded": ["run"],
  "outcome.waits": ["run"],
  "run.calls_unkept": ["calls"],
  "run.costs_unsettled": ["runs"],
  "run.log": ["run", "job", "attempt", "correlation", "fields"],
  "run.log_unkept": ["lines"],
  "run.log_unread": [],
  "run.output": ["run", "job", "pid", "stream"],
  "run.progress_unkept": [],
  "run.suspect": ["run", "job", "attempt", "correlation", "losses", "lane"],
  "run.suspect_unrecorded": ["run", "job", "attempt", "correlation"],
  "run.unreapable": ["run"],
  "run.waits_unforgotten": ["run"],
  "runs.expired": ["runs"],
  "runs.taken_back": ["runs", "deadLetters"],
  "waits.put_off": [],

  // Workers
  "event_loop.block_untold": [],
  "event_loop.blocked": ["blockedMs", "frames", "running", "runs"],
  "event_loop.watch_failed": [],
  "heartbeat.away": [],
  "heartbeat.back": [],
  "heartbeat.thread_ended": [],
  "heartbeat.thread_failed": [],
  "job.held": ["job", "key", "forMs"],
  "job.hold_failed": ["job", "key"],
  "worker.counts_untold": [],
  "worker.declared_lost": ["worker"],
  "worker.quiet": ["quiet"],
  "worker.handing_back": ["runs"],
  "worker.lost": ["worker", "name", "silentMs"],
  "worker.notice_unkept": ["pid"],
  "worker.process_ended": ["pid", "how"],
  "worker.strays": ["runs"],
  "worker.unnoted": [],

  // Requests, people and webhooks
  "alert.firing": ["alert", "rule", "subject", "project", "severity", "value", "threshold"],
  "alert.given_up": ["target", "notification"],
  "alert.pending": ["alert", "rule", "subject", "project", "severity", "value", "threshold"],
  "alert.resolved": ["alert", "rule", "subject", "project", "severity", "value", "threshold"],
  "alert.rule_unseen": ["rule"],
  "alert.unrecorded": ["target", "notification"],
  "audit.refusals_unwritten": [],
  "http.request": ["requestId", "caller", "method", "path", "status", "ms", "code"],
  "key.use_unnoted": [],
  "login.limited": ["requestId", "address"],
  "session.use_unnoted": [],
  "sign_on.failed": ["requestId", "why"],
  "webhook.given_up": ["subscription", "delivery"],
  "webhook.unlogged": ["endpoint"],
  "webhook.unrecorded": ["subscription", "delivery"],

  // Schedules
  "schedule.failed": ["schedule"],
  "schedule.late": ["schedule", "scheduledFor", "run"],
  "schedule.missed": ["occurrences"],

  // The server, its database and its transport
  "audit.head": ["audit"],
  "database.connection_lost": [],
  "database.pooled": [],
  "database.pooler_unset": [],
  "history.postponed": ["partition"],
  "history.pruned": ["partitions", "runs", "keys", "workers", "operations"],
  library: [],
  "live.failed": [],
  "loop.failed": ["loop", "failures"],
  "loop.recovered": ["loop"],
  "partitions.blocked": ["tables"],
  "partitions.made": ["made"],
  "process.progress": [],
  "process.uncaught": [],
  "sentry.away": ["why"],
  "sentry.back": [],
  "sentry.refused": ["status"],
  "start.lock_lost": [],
  "stop.failed": [],
  "stop.late": [],
  "traces.away": ["why"],
  "traces.back": [],
  "traces.of_jobs": [],
  "transport.away": ["why"],
  "transport.back": [],
  "transport.in_the_clear": [],
  "transport.ring_failed": ["why", "queues"],
  "transport.still_away": ["why"],
  "transport.unheard": [],
  "values.unremoved": [],
} as const satisfies Record<string, readonly string[]>;

export type LogEvent = keyof typeof LOG_EVENTS;

/** A line of the log, but for its message. */
export type LogLine<Event extends LogEvent> = {
  event: Event;
  err?: unknown;
  trace_id?: string;
} & {
  readonly [Field in (typeof LOG_EVENTS)[Event][number]]?: unknown;
};

import { formatDuration } from "./duration.ts";

/** How much an alert matters, the most first. */
export const SEVERITIES = ["critical", "warning", "info"] as const;

export type Severity = (typeof SEVERITIES)[number];

export const ALERT_STATES = ["pending", "firing", "resolved"] as const;

export type AlertState = (typeof ALERT_STATES)[number];

/** In which other ways than by a webhook somebody is told of alerts. */
export const ALERT_TARGET_KINDS = ["slack", "email", "pagerduty"] as const;

export type AlertTargetKind = (typeof ALERT_TARGET_KINDS)[number];

/** What became of a notification; null while it is still to be sent. */
export const NOTIFICATION_OUTCOMES = [
  "delivered",
  /** It was tried for about a day. */
  "given up",
  /** Its target was switched off or removed before it could be sent. */
  "dropped",
  /** A later one of the same rule says all that it would have. */
  "superseded",
] as const;

export type NotificationOutcome = (typeof NOTIFICATION_OUTCOMES)[number];

/** What the value of an alert counts. */
export type AlertUnit = "runs" | "seconds" | "share" | "times" | "transactions";

/** What one alert of a rule is about. */
export type AlertSubject =
  | "queue"
  | "job"
  | "host"
  | "schedule"
  | "key"
  | "secret"
  | "project"
  | "installation";

export interface AlertKind {
  readonly about: AlertSubject;
  readonly unit: AlertUnit;
  /** It fires while the value is above this; or below it, where `below` says so. */
  readonly threshold: number;
  readonly below?: true;
  /** What is looked at, back from now; absent for what is so at the moment. */
  readonly windowMs?: number;
  /** For so long it must be so. */
  readonly forMs: number;
  readonly severity: Severity;
  /** A sentence, after `what`: value and threshold are in words already. */
  readonly says: (what: string, value: string, threshold: string, window: string) => string;
  readonly why: string;
  readonly todo: string;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Behind a length of time that is over. */
const AGO = " ago";

/** What rules may be of. docs/alerts.md has each under its name. */
export const ALERT_KINDS = {
  "backlog-growing": {
    ...{ about: "queue", unit: "runs", threshold: 100 },
    ...{ windowMs: 10 * MINUTE_MS, forMs: 5 * MINUTE_MS, severity: "warning" },
    says: (queue, value, _, window) =>
      `queue ${queue} grows: ${value} wait, more than ${window} before`,
    why: "More runs come than start.",
    todo: "More workers, or autoscaling; millrace explain RUN says what holds a run back.",
  },
  "oldest-wait": {
    ...{ about: "queue", unit: "seconds", threshold: 300 },
    ...{ forMs: 5 * MINUTE_MS, severity: "warning" },
    says: (queue, value) => `the oldest run of queue ${queue} has waited for ${value}`,
    why: "Nothing takes it, or a limit holds it back.",
    todo: "millrace explain RUN says why a run waits; then more workers, or other limits.",
  },
  "queue-without-workers": {
    ...{ about: "queue", unit: "runs", threshold: 0 },
    ...{ forMs: 5 * MINUTE_MS, severity: "critical" },
    says: (queue, value) => `nobody takes from queue ${queue}, and ${value} wait`,
    why: "No living worker takes this queue.",
    todo: "Start a worker with --queues and the name of the queue.",
  },
  "failure-rate": {
    ...{ about: "job", unit: "share", threshold: 0.2 },
    ...{ windowMs: 10 * MINUTE_MS, forMs: 5 * MINUTE_MS, severity: "warning" },
    says: (job, value, _, window) => `${value} of the attempts of ${job} failed within ${window}`,
    why: "Attempts fail more often than they may; only where more than five did.",
    todo: "millrace dead groups shows what is the same in their errors.",
  },
  "overall-failure-rate": {
    ...{ about: "installation", unit: "share", threshold: 0.2 },
    ...{ windowMs: 10 * MINUTE_MS, forMs: 5 * MINUTE_MS, severity: "critical" },
    says: (_job, value, _, window) => `${value} of all attempts failed within ${window}`,
    why: "Attempts of all jobs together fail more often than they may; only where more than five did.",
    todo: "Look for what they share: a host, a database, a release. millrace dead groups.",
  },
  "dead-letters": {
    ...{ about: "job", unit: "runs", threshold: 0 },
    ...{ windowMs: 10 * MINUTE_MS, forMs: 0, severity: "warning" },
    says: (job, value, _, window) => `${value} of ${job} gave up within ${window}`,
    why: "They have failed for good, and wait for somebody to decide.",
    todo: "millrace dead: rerun or dismiss them.",
  },
  "downstream-failures": {
    ...{ about: "host", unit: "share", threshold: 0.2 },
    ...{ windowMs: 10 * MINUTE_MS, forMs: 5 * MINUTE_MS, severity: "warning" },
    says: (host, value, _, window) => `${value} of the calls to ${host} failed within ${window}`,
    why: "Handlers call it by ctx.fetch, and it answers 5xx or not at all; only where more than five did.",
    todo: "Is it well? Timelines of runs have their calls; a limit for the host may spare it.",
  },
  "downstream-latency": {
    ...{ about: "host", unit: "seconds", threshold: 5 },
    ...{ windowMs: 10 * MINUTE_MS, forMs: 5 * MINUTE_MS, severity: "warning" },
    says: (host, value, _, window) =>
      `one call in twenty to ${host} took ${value} or more within ${window}`,
    why: "Handlers call it by ctx.fetch, and wait for it.",
    todo: "Is it well? A limit for the host, or a timeout of the job, may help.",
  },
  "schedule-overdue": {
    ...{ about: "schedule", unit: "seconds", threshold: 60 },
    ...{ forMs: MINUTE_MS, severity: "critical" },
    says: (schedule, value) => `schedule ${schedule} was to fire ${value} ago, and has not`,
    why: "No scheduler fires what is due.",
    todo: "Is a scheduler (or start) running, and does the database answer quickly?",
  },
  "schedule-late": {
    ...{ about: "schedule", unit: "times", threshold: 0 },
    ...{ windowMs: 15 * MINUTE_MS, forMs: 0, severity: "warning" },
    says: (schedule, value, _, window) =>
      `runs of schedule ${schedule} had not started within its grace, ${value} within ${window}`,
    why: "It fired in time, and its runs wait for a worker or a limit.",
    todo: "millrace schedules occurrences NAME --alerts; then as oldest-wait.",
  },
  "schedule-missed": {
    ...{ about: "schedule", unit: "times", threshold: 0 },
    ...{ windowMs: 15 * MINUTE_MS, forMs: 0, severity: "warning" },
    says: (schedule, value, _, window) =>
      `schedule ${schedule} was missed, ${value} within ${window}`,
    why: "No scheduler ran when it was due. What is done about it is up to the schedule.",
    todo: "Why was the scheduler away? millrace schedules occurrences NAME.",
  },
  "worker-lost": {
    ...{ about: "project", unit: "times", threshold: 0 },
    ...{ windowMs: 10 * MINUTE_MS, forMs: 0, severity: "warning" },
    says: (_project, value, _, window) => `a worker was lost, ${value} within ${window}`,
    why: "It died, was stopped or lost touch with the database. Its runs start again elsewhere.",
    todo: "millrace workers; look into their logs, and at the memory they had.",
  },
  "old-snapshot": {
    ...{ about: "installation", unit: "seconds", threshold: 600 },
    ...{ forMs: 5 * MINUTE_MS, severity: "warning" },
    says: (_, value) => `a transaction has been open for ${value}`,
    why: "Rows that are gone cannot be removed, and claims get slower.",
    todo: "millrace doctor names it, and how to end it.",
  },
  "claims-slow": {
    ...{ about: "installation", unit: "seconds", threshold: 0.25 },
    ...{ forMs: 10 * MINUTE_MS, severity: "warning" },
    says: (_, value) => `claims take ${value} at the 99th percentile`,
    why: "Usually an old snapshot, a slow disk, or too little memory for the database.",
    todo: "millrace doctor.",
  },
  "connections-short": {
    ...{ about: "installation", unit: "share", threshold: 0.9 },
    ...{ forMs: 5 * MINUTE_MS, severity: "warning" },
    says: (_, value) => `${value} of the database's connections are taken`,
    why: "The next process may not get one.",
    todo: "Fewer processes, a higher max_connections, or PgBouncer.",
  },
  wraparound: {
    ...{ about: "installation", unit: "transactions", threshold: 1e9 },
    ...{ forMs: 0, severity: "critical" },
    says: (_, value) => `the database comes near to its last transaction id: ${value} in use`,
    why: "Rows cannot be frozen, and PostgreSQL stops at two thousand million.",
    todo: "millrace doctor names what keeps them: a transaction, a slot, a standby.",
  },
  "key-expiry": {
    ...{ about: "key", unit: "seconds", threshold: (7 * DAY_MS) / 1000, below: true },
    ...{ forMs: 0, severity: "warning" },
    says: (key, value) => `API key ${key} ${ends(value)}`,
    why: "Whoever uses it is refused from then on.",
    todo: "millrace keys rotate ID makes one that takes its place.",
  },
  "secret-expiry": {
    ...{ about: "secret", unit: "seconds", threshold: (7 * DAY_MS) / 1000, below: true },
    ...{ forMs: 0, severity: "warning" },
    says: (secret, value) => `secret ${secret} ${ends(value)}`,
    why: "Whoever set it has said so; the other side refuses it from then on.",
    todo: "Get another from there, and millrace secrets set NAME --expires.",
  },
} as const satisfies Record<string, AlertKind>;

export type AlertKindName = keyof typeof ALERT_KINDS;

export const ALERT_KIND_NAMES = Object.keys(ALERT_KINDS) as AlertKindName[];

/** What a rule of the kind may be narrowed to, by a name; undefined where there is nothing to name. */
export function alertScope(kind: AlertKindName): "queue" | "job" | "host" | "schedule" | undefined {
  const { about } = ALERT_KINDS[kind];
  return about === "queue" || about === "job" || about === "host" || about === "schedule"
    ? about
    : undefined;
}

/** Whether a rule of the kind can be of one project. */
export function isOfProjects(kind: AlertKindName): boolean {
  return ALERT_KINDS[kind].about !== "installation";
}

/** A value of a kind's unit, for people: `41 runs`, `12.4 s`, `35 %`. */
export function alertAmount(unit: AlertUnit, value: number): string {
  if (unit === "seconds") {
    return value < 0 ? `${formatDuration(-value * 1000)}${AGO}` : formatDuration(value * 1000);
  }
  if (unit === "share") return `${Math.round(value * 1000) / 10} %`;
  if (unit === "transactions") return `${Math.round(value / 1e6)} million transactions`;
  const counted = unit === "runs" ? "run" : "time";
  return `${value} ${counted}${value === 1 ? "" : "s"}`;
}

/** What an alert says, in one sentence without a point. */
export function alertSummary({
  kind,
  subject,
  value,
  threshold,
  windowMs,
}: {
  kind: AlertKindName;
  subject: string;
  value: number;
  threshold: number;
  windowMs: number | undefined;
}): string {
  const { unit, says }: AlertKind = ALERT_KINDS[kind];
  const amount = (number: number) => alertAmount(unit, number);
  return says(subject, amount(value), amount(threshold), formatDuration(windowMs ?? 0));
}

function ends(value: string): string {
  return value.endsWith(AGO) ? `stopped working ${value}` : `stops working in ${value}`;
}

export function isAlertKind(text: string): text is AlertKindName {
  return Object.hasOwn(ALERT_KINDS, text);
}

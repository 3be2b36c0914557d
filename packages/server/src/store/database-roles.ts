import type { Queryable } from "./statement.ts";

/** The roles of the database that processes log in by, each of one kind of process. Nobody logs in as one: logins are made members of it. */
export const DATABASE_ROLES = [
  "millrace_api",
  "millrace_scheduler",
  "millrace_worker",
  "millrace_maintenance",
] as const;

export type DatabaseRole = (typeof DATABASE_ROLES)[number];

type PerRole = readonly [api: string, scheduler: string, worker: string, maintenance: string];

/**
 * What each may do: s(elect), m(any columns of it, see MANY: select), i(nsert), u(pdate), d(elete) of a table or view; U(se) a sequence; (e)x(ecute) a function that is closed to others. A
 * test derives from the statements that each kind of process can send what it must say, and holds it to no more. Partitions are reached through their
 * parent, and made and dropped by functions that run with the rights of their owner.
 */
export const RIGHTS: Readonly<Record<string, PerRole>> = {
  alert: ["su", "", "", "siud"],
  alert_group: ["sd", "", "", "siud"],
  alert_notification: ["siud", "", "", "siud"],
  alert_round: ["", "", "", "siu"],
  alert_rule: ["siud", "", "", "s"],
  alert_signal: ["i", "i", "i", "siud"],
  alert_silence: ["sid", "", "", "sd"],
  alert_target: ["siud", "", "", "s"],
  api_key: ["siu", "", "", ""],
  approval_number: ["", "", "U", ""],
  arrival: ["siud", "sud", "sud", ""],
  attempt: ["s", "s", "si", "sid"],
  audit: ["s", "", "", ""],
  audit_head: ["s", "", "", "s"],
  automation_jobs: ["s", "", "", ""],
  bucket: ["sud", "sud", "siud", ""],
  call_minute: ["s", "", "siu", "sd"],
  cancellation: ["siu", "siu", "siu", "siud"],
  chain: ["s", "s", "siu", "sd"],
  child: ["sud", "sud", "siud", "sd"],
  child_end: ["siud", "siud", "siud", "i"],
  collapse: ["siu", "siud", "siu", "siu"],
  dead_letter: ["sud", "sd", "sid", "siud"],
  doubt_number: ["", "", "U", ""],
  emission: ["si", "s", "su", "sd"],
  "ending_credentials()": ["", "", "", "x"],
  "endpoint_secrets()": ["x", "", "", ""],
  end_hour: ["s", "", "", "siud"],
  end_minute: ["s", "", "", "siud"],
  error_group: ["su", "", "", "siud"],
  error_slot: ["s", "", "", "siud"],
  error_version: ["s", "", "", "siud"],
  event: ["si", "i", "si", "sid"],
  expiry: ["i", "siud", "sid", "i"],
  gate: ["sud", "siud", "siud", "sud"],
  "has_subject()": ["x", "x", "x", "x"],
  history_look: ["s", "", "", "siud"],
  idempotency_key: ["siu", "siu", "siu", "siud"],
  incident: ["sid", "", "", ""],
  incident_note: ["si", "", "", ""],
  installation: ["s", "", "s", "s"],
  "is_disabled()": ["x", "x", "x", "x"],
  job: ["su", "s", "siu", "s"],
  job_field: ["s", "", "siud", "su"],
  job_version: ["si", "", "si", "s"],
  lane: ["su", "siu", "siud", "su"],
  lease: ["su", "su", "siud", "siud"],
  link_secret: ["s", "", "s", ""],
  log: ["s", "", "si", "sd"],
  log_note: ["s", "", "i", "sud"],
  login_failure: ["siud", "", "", "sud"],
  "make_partition()": ["", "", "", "x"],
  "mark_runs()": ["x", "x", "x", "x"],
  migration: ["s", "s", "s", "s"],
  "note_audit()": ["x", "x", "x", "x"],
  occurrence: ["siu", "siud", "siu", "su"],
  operation: ["siu", "su", "", "sud"],
  operation_member: ["si", "", "", "sud"],
  orphaning: ["sid", "sid", "sid", "i"],
  pace: ["s", "sd", "siu", "su"],
  partition: ["s", "", "", "s"],
  pause: ["siud", "sd", "siu", "s"],
  person: ["siu", "", "", ""],
  process: ["siud", "siud", "siud", "siud"],
  progress: ["s", "", "siu", "sd"],
  project: ["siud", "", "s", ""],
  published: ["s", "", "siu", "sd"],
  queue: ["su", "su", "siu", "s"],
  queue_sample: ["s", "", "", "sid"],
  ready: ["siud", "siud", "siud", "siud"],
  ready_seq: ["U", "U", "U", "U"],
  "refuse_closed()": ["x", "x", "x", "x"],
  reply: ["siu", "", "", "sud"],
  "retire_partition()": ["", "", "", "x"],
  retry_budget: ["", "", "siu", ""],
  retry_window: ["", "", "siud", ""],
  run: ["siu", "siu", "siu", "siud"],
  run_subject: ["si", "i", "i", "sid"],
  run_default: ["m", "", "", "s"],
  run_field: ["s", "", "", "sd"],
  saved_view: ["siud", "", "", ""],
  schedule: ["siud", "su", "siud", "s"],
  second_factor: ["siud", "", "", ""],
  secret: ["miud", "", "s", ""],
  "sending_secrets()": ["", "", "", "x"],
  session: ["siud", "", "", "sud"],
  standing_minute: ["s", "", "", "sid"],
  step: ["si", "si", "si", "sid"],
  subject: ["siu", "su", "siu", "siu"],
  subject_job: ["s", "", "siu", "s"],
  subject_name_key: ["siu", "", "si", "si"],
  timeline: ["s", "", "", ""],
  timer: ["siud", "siud", "siud", "siud"],
  turn_seq: ["", "U", "U", ""],
  uncounted_end: ["i", "i", "i", "sid"],
  unwinding: ["si", "si", "siu", "sid"],
  waiter: ["sud", "sud", "siud", "sud"],
  webhook_delivery: ["siud", "i", "i", "siud"],
  webhook_endpoint: ["siud", "", "", ""],
  webhook_receipt: ["sid", "", "", "sd"],
  webhook_subscription: ["siud", "s", "s", "su"],
  worker: ["su", "", "siu", "sud"],
};

/** Closed functions that handlers call in transactions of their own, often by the login of their worker. */
const HANDLERS = ["complete", "keep_step"];

/** What somebody may read of a table of which something is for others. Of the API: how many runs have no partition of their own; all of a secret but what is sealed. */
const MANY: Readonly<Record<string, string>> = {
  run_default: "id",
  secret:
    "name, project, version, jobs, hosts, source, wrapped_key, key_id, expires_at, created_at, created_by, changed_at, changed_by",
};

const VERBS = {
  s: "select",
  m: "select",
  i: "insert",
  u: "update",
  d: "delete",
  U: "usage",
  x: "execute",
} as const;

/** Makes the roles that are not there. It takes CREATEROLE, or a superuser. */
const MAKE = DATABASE_ROLES.map(
  (role) => `do $$ begin
  if not exists (select from pg_roles where rolname = '${role}') then
    create role ${role} nologin;
  end if;
exception when duplicate_object or unique_violation then null; -- somebody else made it at this moment
end $$;`,
).join("\n");

/** SQL that makes the roles and gives them their rights, and takes away what they had besides. It may be run again at any time. */
export function databaseRolesSql(): string {
  return `begin;\n${MAKE}\n${grantsTo(DATABASE_ROLES)}\ncommit;\n`;
}

/** Gives the roles that are there their rights in the schema of this version: one that was migrated has tables that they do not know. */
export async function grantToRoles(db: Queryable): Promise<void> {
  const { rows } = await db.query<{ name: DatabaseRole }>({
    text: "select rolname as name from pg_roles where rolname = any ($1)",
    values: [DATABASE_ROLES],
  });
  if (rows.length > 0) await db.query({ text: grantsTo(rows.map(({ name }) => name)) });
}

function grantsTo(roles: readonly DatabaseRole[]): string {
  const all = roles.join(", ");
  return [
    ...["tables", "sequences", "functions"].map(
      (what) => `revoke all on all ${what} in schema millrace from ${all};`,
    ),
    `grant usage on schema millrace to ${all};`,
    ...roles.flatMap((role) => [...grantsOf(role)]),
  ].join("\n");
}

function* grantsOf(role: DatabaseRole): Generator<string> {
  const place = DATABASE_ROLES.indexOf(role);
  const alike = new Map<string, string[]>();
  for (const [name, perRole] of Object.entries(RIGHTS)) {
    const rights = rightsIn(perRole[place]!, MANY[name]);
    if (rights !== "") alike.set(rights, [...(alike.get(rights) ?? []), name]);
  }
  for (const [rights, names] of alike) yield `grant ${rights} ${onAll(rights, names)} to ${role};`;
  if (role === "millrace_worker") {
    yield `grant execute ${onAll("execute", HANDLERS)} to ${role};`;
  }
}

function rightsIn(letters: string, many: string | undefined): string {
  return letters
    .split("")
    .map((letter) => `${VERBS[letter as keyof typeof VERBS]}${letter === "m" ? ` (${many})` : ""}`)
    .join(", ");
}

function onAll(rights: string, names: readonly string[]): string {
  const kind = { usage: "sequence ", execute: "function " }[rights] ?? "";
  const named = names.map((name) => `millrace.${name.replace("()", "")}`);
  return `on ${kind}${named.join(", ")}`;
}

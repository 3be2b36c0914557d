import { type AlertTargetKind, MillraceError, type Projects, type Severity } from "@millrace/core";
import type { OutboundGuard } from "@millrace/sdk/http";
import type { Caller } from "../../security/caller.ts";
import { seal } from "../../security/envelope.ts";
import type { SecretKeys } from "../../security/key-ring.ts";
import {
  type NotificationRow,
  countTests,
  insertNotification,
  lockTests,
} from "../../store/alert-notifications.ts";
import {
  type AlertTargetConfig,
  type AlertTargetRow,
  countAlertTargets,
  deleteAlertTarget,
  putAlertTarget,
  readAlertTarget,
} from "../../store/alert-targets.ts";
import type { Database } from "../../store/database.ts";
import { lockSecrets } from "../../store/secrets.ts";
import type { Queryable } from "../../store/statement.ts";
import { asCaller } from "../as-caller.ts";
import { nameTaken } from "../project-to-be.ts";
import { alertingProject } from "./alerting-project.ts";
import { noTarget } from "./no-target.ts";
import { placeOfCredential } from "./place-of-credential.ts";
import { type GivenPlace, configOf } from "./target-config.ts";
import { ringForTargets } from "./target-keys.ts";

const MOST = 500;

/** So that one project leaves room for the others. */
const MOST_OF_PROJECT = 50;

/** Each sends something to somebody outside, who may be asleep: so many in a minute. */
const TESTS_OF_TARGET = 5;
const TESTS_OF_PROJECT = 20;

/** What a target is to be; what is undefined stays as it was. */
export interface GivenTarget extends GivenPlace {
  /** Needed when it is made; stays. */
  kind: AlertTargetKind | undefined;
  /** Slack: the URL of the webhook. E-mail: the password. PagerDuty: the integration's key. Null for none. */
  credential: string | null | undefined;
  leastSeverity: Severity | undefined;
  enabled: boolean | undefined;
  /** Of whose alerts alone it is to be told, when it is made. */
  project: string | undefined;
}

/**
 * Makes a target, or changes one. Its credential can be given anew, and be read by nobody.
 *
 * @returns whether it was made
 * @throws MillraceError `forbidden`, `project_not_found`, `secret_key_missing`, `blocked_destination`; `name_taken` by another project;
 *   `invalid_request` for what is missing or wrong, and when there are too many
 */
export function setAlertTarget(
  db: Database,
  caller: Caller,
  { keys, guard }: { keys: SecretKeys; guard: OutboundGuard },
  name: string,
  given: GivenTarget,
): Promise<{ row: AlertTargetRow; created: boolean }> {
  return asCaller(db, caller, "administer", "own", async (tx) => {
    await lockSecrets(tx);
    const [before] = await readAlertTarget(tx, name);
    if (before) requireOwn(caller, name, before.project);
    const kind = kindOf(before, given.kind);
    const project = before
      ? before.project
      : await alertingProject(tx, caller, given.project, `target ${name}`);
    if (!before) await requireRoom(tx, project);
    const config = configOf(kind, { guard, given, before: before?.config });
    const { credential } = given;
    requireCredential(kind, config, credential, before);
    if (before) requireAnew(before, config, credential);
    const version = (before?.version ?? 0) + (credential === undefined ? 0 : 1);
    const place = placeOfCredential({ name, version });
    const envelope =
      typeof credential === "string"
        ? seal(await ringForTargets(tx, keys), place, credential)
        : undefined;
    const [row] = await putAlertTarget(
      tx,
      name,
      kind,
      project,
      JSON.stringify(config satisfies AlertTargetConfig),
      version,
      credential !== undefined,
      envelope?.wrappedKey ?? null,
      envelope?.sealed ?? null,
      given.leastSeverity ?? before?.least_severity ?? "info",
      given.enabled ?? before?.enabled ?? true,
      caller.name,
    );
    return { row: row!, created: !before };
  });
}

/** With its log. @throws MillraceError `forbidden`, `alert_target_not_found` */
export function removeAlertTarget(
  db: Database,
  caller: Caller,
  name: string,
): Promise<AlertTargetRow> {
  return asCaller(db, caller, "administer", { alertTarget: name }, async (tx) => {
    const [row] = await deleteAlertTarget(tx, name);
    if (row) return row;
    throw await noTarget(tx, caller.projects, name);
  });
}

/**
 * Puts a notification that says that it is a test before the others.
 *
 * @throws MillraceError `forbidden`, `alert_target_not_found`; `invalid_request` for one that is switched off; `rate_limited` when there were too many in
 *   the last minute
 */
export function testAlertTarget(
  db: Database,
  caller: Caller,
  name: string,
): Promise<NotificationRow> {
  return asCaller(db, caller, "operate", { alertTarget: name }, async (tx, tell) => {
    const { enabled } = await requireAlertTarget(tx, caller.projects, name);
    if (!enabled) {
      throw new MillraceError(
        "invalid_request",
        `the target ${name} is switched off; switch it on first`,
      );
    }
    await lockTests(tx);
    const [count] = await countTests(tx, name);
    if (count!.of_target >= TESTS_OF_TARGET || count!.of_project >= TESTS_OF_PROJECT) {
      throw new MillraceError(
        "rate_limited",
        `each minute a target is tested ${TESTS_OF_TARGET} times at the most, and those of a project ${TESTS_OF_PROJECT} times together; its log says what came of the last ones`,
      );
    }
    const body = JSON.stringify({ test: true, target: name, by: caller.name });
    const [row] = await insertNotification(tx, name, null, "alert.test", body);
    tell("alert_target.tested", `alert_target:${name}`, { after: { notification: row!.id } });
    return row!;
  });
}

/** @throws MillraceError `alert_target_not_found` */
export async function requireAlertTarget(
  db: Queryable,
  projects: Projects,
  name: string,
): Promise<AlertTargetRow> {
  const [row] = await readAlertTarget(db, name);
  if (row) return row;
  throw await noTarget(db, projects, name);
}

async function requireRoom(tx: Queryable, project: string | null): Promise<void> {
  const [count] = await countAlertTargets(tx, project);
  if (count!.all < MOST && (project === null || count!.of_project < MOST_OF_PROJECT)) return;
  throw new MillraceError(
    "invalid_request",
    `there are ${MOST} targets at the most, and ${MOST_OF_PROJECT} of a project; remove one first`,
  );
}

function requireOwn({ projects }: Caller, name: string, project: string | null): void {
  if (projects === null || (project !== null && projects.includes(project))) return;
  throw nameTaken(`alert target ${name}`);
}

function kindOf(
  before: AlertTargetRow | undefined,
  asked: AlertTargetKind | undefined,
): AlertTargetKind {
  const kind = before?.kind ?? asked;
  if (kind === undefined) throw wrong("kind", "say it when the target is made");
  if (asked === undefined || asked === kind) return kind;
  throw wrong("kind", `the target is of the kind ${kind}, and stays so; make another`);
}

function requireCredential(
  kind: AlertTargetKind,
  { user }: AlertTargetConfig,
  credential: string | null | undefined,
  before: AlertTargetRow | undefined,
): void {
  const has = credential === undefined ? (before?.key_id ?? null) !== null : credential !== null;
  if (kind !== "email") {
    if (has) return;
    throw wrong(
      "credential",
      kind === "slack" ? "give the URL of the webhook" : "give the key of the integration",
    );
  }
  if (has === (user != null)) return;
  throw wrong("credential", has ? "a password needs a user" : "the user needs a password");
}

/** Whoever could lead it elsewhere could read it there. */
function requireAnew(
  { config: before, key_id: key }: AlertTargetRow,
  after: AlertTargetConfig,
  credential: string | null | undefined,
): void {
  if (credential !== undefined || key === null) return;
  const moved = (["url", "server", "user"] as const).find(
    (field) => before[field] !== after[field],
  );
  if (moved === undefined) return;
  throw wrong("credential", `give it again: with another ${moved}, it is sent to somebody else`);
}

function wrong(field: string, why: string): MillraceError {
  return new MillraceError("invalid_request", `/${field}: ${why}`, { pointer: `/${field}` });
}

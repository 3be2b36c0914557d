import { DEFAULT_PROJECT, MillraceError } from "@millrace/core";
import type { MoveToProject } from "@millrace/core/api";
import type { Caller } from "../security/caller.ts";
import type { Database, Transaction } from "../store/database.ts";
import {
  type ProjectRow,
  countConfined,
  deleteProject,
  insertProject,
  listProjects,
  lockProject,
  moveJobs,
  moveQueues,
  moveSecrets,
  tornApart,
} from "../store/projects.ts";
import type { Queryable } from "../store/statement.ts";
import { asCaller } from "./as-caller.ts";
import { noProject } from "./confinement.ts";

/** @throws MillraceError `forbidden`, `project_exists` */
export function addProject(
  db: Database | Transaction,
  caller: Caller,
  name: string,
): Promise<ProjectRow> {
  return asCaller(db, caller, "administer", "installation", async (tx) => {
    const [added] = await insertProject(tx, name, caller.name);
    if (added) return require(tx, name);
    throw new MillraceError("project_exists", `there is a project ${JSON.stringify(name)} already`);
  });
}

/**
 * Removes a project to which nothing belongs any more.
 *
 * @throws MillraceError `forbidden`, `project_not_found`, `project_in_use`; `invalid_request` for the one that is always there
 */
export function removeProject(db: Database, caller: Caller, name: string): Promise<ProjectRow> {
  return asCaller(db, caller, "administer", "installation", async (tx) => {
    if (name === DEFAULT_PROJECT) {
      throw new MillraceError("invalid_request", `the project ${name} is always there`);
    }
    await lockProject(tx, name);
    const project = await require(tx, name);
    const [confined] = await countConfined(tx, name);
    requireEmpty(project, confined!);
    await deleteProject(tx, name);
    return project;
  });
}

/**
 * Moves jobs, queues and secrets to a project, with all that is made for them. All of it, or none.
 *
 * @throws MillraceError `forbidden`, `project_not_found`, `unknown_job`, `queue_not_found`, `secret_not_found`; `invalid_request` for what would be
 *   torn from what it needs
 */
export function moveToProject(
  db: Database,
  caller: Caller,
  name: string,
  { jobs = [], queues = [], secrets = [] }: MoveToProject,
): Promise<ProjectRow> {
  return asCaller(db, caller, "administer", "installation", async (tx) => {
    const [project] = await lockProject(tx, name);
    if (!project) throw noProject(name);
    requireAll("/jobs", jobs, await moveJobs(tx, jobs, name));
    requireAll("/queues", queues, await moveQueues(tx, queues, name));
    requireAll("/secrets", secrets, await moveSecrets(tx, secrets, name));
    await requireTogether(tx);
    return require(tx, name);
  });
}

async function require(tx: Queryable, name: string): Promise<ProjectRow> {
  const [project] = await listProjects(tx, [name]);
  if (project) return project;
  throw noProject(name);
}

function requireEmpty(
  { name, jobs, queues, secrets, webhooks }: ProjectRow,
  { keys, people }: { keys: number; people: number },
): void {
  const left = Object.entries({ jobs, queues, secrets, webhooks, keys, people })
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${what}: ${count}`);
  if (left.length === 0) return;
  throw new MillraceError(
    "project_in_use",
    `to project ${name} belong still ${left.join(", ")}; move or remove those first, revoke the keys, and give the people other projects`,
  );
}

const ABSENT = {
  "/jobs": ["unknown_job", "job"],
  "/queues": ["queue_not_found", "queue"],
  "/secrets": ["secret_not_found", "secret"],
} as const;

function requireAll(
  pointer: keyof typeof ABSENT,
  names: readonly string[],
  moved: readonly { name: string }[],
): void {
  const found = new Set(moved.map(({ name }) => name));
  const missing = names.find((name) => !found.has(name));
  if (missing === undefined) return;
  const [code, what] = ABSENT[pointer];
  const shared = what === "queue" ? ", or all projects share it" : "";
  throw new MillraceError(
    code,
    `there is no ${what} ${JSON.stringify(missing)}${shared}; nothing was moved`,
    { pointer },
  );
}

async function requireTogether(tx: Queryable): Promise<void> {
  const torn = await tornApart(tx);
  if (torn.length === 0) return;
  const pairs = torn.map(({ what, needs }) => `${what} needs ${needs}`).join("; ");
  throw new MillraceError(
    "invalid_request",
    `these would come to different projects: ${pairs}; move them together. Nothing was moved`,
  );
}

import { randomBytes } from "node:crypto";
import {
  MillraceError,
  type PayloadMapping,
  type Projects,
  type WebhookScheme,
} from "@millrace/core";
import type { Caller } from "../../security/caller.ts";
import { webhookKey } from "../../security/webhook-signature.ts";
import { type Database, isUnavailable } from "../../store/database.ts";
import { endpointSecrets } from "../../store/secrets.ts";
import { projectsOfJobs } from "../../store/scope.ts";
import type { Queryable } from "../../store/statement.ts";
import {
  type EndpointRow,
  type EndpointSecret,
  deleteEndpoint,
  lockWebhooks,
  putEndpoint,
  readEndpoint,
} from "../../store/webhook-endpoints.ts";
import { readSubscription } from "../../store/webhook-subscriptions.ts";
import { asCaller } from "../as-caller.ts";
import { type SecretOrigins, openTexts } from "../load-secrets.ts";
import { nameTaken } from "../project-to-be.ts";

const ID_BYTES = 24;

/** What an endpoint is to be; what is undefined stays as it was. */
export interface GivenEndpoint {
  scheme: WebhookScheme | undefined;
  job: string | undefined;
  /** The name of the secret under which is signed. */
  secret: string | undefined;
  /** For how long the secret of before is taken still. */
  graceMs: number;
  /** Null takes it away. */
  mapping: PayloadMapping | null | undefined;
  enabled: boolean | undefined;
}

/**
 * Makes an endpoint, or changes one. Its address stays the same.
 *
 * @returns whether it was made
 * @throws MillraceError `forbidden`, `unknown_job`; `invalid_request` for what is missing, a name that a subscription has, and a secret that
 *   is not there, not bound to the job, or none of the scheme
 */
export function setEndpoint(
  db: Database,
  caller: Caller,
  origins: SecretOrigins,
  name: string,
  given: GivenEndpoint,
): Promise<{ row: EndpointRow; created: boolean }> {
  return asCaller(db, caller, "edit", "own", async (tx) => {
    await lockWebhooks(tx);
    const [before] = await readEndpoint(tx, name);
    requireOwnName(caller, `endpoint ${name}`, before);
    if (!before) await requireFreeName(tx, caller, name);
    const scheme = needed("scheme", given.scheme ?? before?.scheme);
    const job = needed("job", given.job ?? before?.job);
    const secret = needed("secret", given.secret ?? before?.secrets[0]?.name);
    const { project } = await requireJob(tx, job, caller.projects);
    if (before && before.project !== project) throw staysIn(before.project);
    const mapping = given.mapping === undefined ? (before?.mapping ?? null) : given.mapping;
    const [row] = await putEndpoint(
      tx,
      name,
      before?.id ?? randomBytes(ID_BYTES).toString("base64url"),
      scheme,
      job,
      JSON.stringify(secretsAfter(before?.secrets ?? [], secret, given.graceMs)),
      mapping && JSON.stringify(mapping),
      given.enabled ?? before?.enabled ?? true,
      caller.name,
      project,
    );
    await requireSecret(tx, origins, row!);
    return { row: row!, created: !before };
  });
}

/** @throws MillraceError `forbidden`, `webhook_not_found` */
export function removeEndpoint(db: Database, caller: Caller, name: string): Promise<EndpointRow> {
  return asCaller(db, caller, "edit", { endpoint: name }, async (tx) => {
    const [row] = await deleteEndpoint(tx, name);
    if (row) return row;
    throw noEndpoint(name);
  });
}

/** @throws MillraceError `webhook_not_found` */
export async function requireEndpoint(db: Queryable, name: string): Promise<EndpointRow> {
  const [row] = await readEndpoint(db, name);
  if (row) return row;
  throw noEndpoint(name);
}

/** @throws MillraceError `name_taken` */
export function requireOwnName(
  { projects }: Caller,
  what: string,
  before: { project: string } | undefined,
): void {
  if (before && projects !== null && !projects.includes(before.project)) throw nameTaken(what);
}

function staysIn(project: string): MillraceError {
  return new MillraceError(
    "invalid_request",
    `the endpoint belongs to project ${project}, and stays in it: name a job of that, or make another endpoint`,
    { pointer: "/job" },
  );
}

/** Whether what is signed under it is taken still. */
export function isCurrent({ until }: EndpointSecret): boolean {
  return until === null || Date.parse(until) > Date.now();
}

/** @param projects those of which it must be @throws MillraceError `unknown_job` */
export async function requireJob(
  tx: Queryable,
  name: string,
  projects: Projects,
): Promise<{ project: string }> {
  const [row] = await projectsOfJobs(tx, [name], projects);
  if (row) return row;
  throw new MillraceError("unknown_job", `no job named ${JSON.stringify(name)} is registered`, {
    pointer: "/job",
  });
}

/** The newest first. Those of before end with their grace, or when they would have ended anyway. */
function secretsAfter(
  before: readonly EndpointSecret[],
  newest: string,
  graceMs: number,
): EndpointSecret[] {
  if (before[0]?.name === newest) return before.filter(isCurrent);
  const end = new Date(Date.now() + graceMs).toISOString();
  const older = before
    .filter(({ name }) => name !== newest)
    .map(({ name, until }) => ({ name, until: until !== null && until < end ? until : end }));
  return [{ name: newest, until: null }, ...older.filter(isCurrent)];
}

async function requireFreeName(tx: Queryable, caller: Caller, name: string): Promise<void> {
  const [row] = await readSubscription(tx, name);
  if (!row) return;
  requireOwnName(caller, `endpoint ${name}`, row);
  throw new MillraceError(
    "invalid_request",
    `there is a subscription named ${name} already; give this endpoint another name`,
  );
}

/** That a secret cannot be used shows when it is named, and not when the first webhook comes. It is found by the endpoint alone, which is set so far. */
async function requireSecret(
  tx: Queryable,
  origins: SecretOrigins,
  { name, scheme, job, secrets }: EndpointRow,
): Promise<void> {
  const secret = secrets[0]!.name;
  try {
    const values = await openTexts(await endpointSecrets(tx, name), origins, job, [secret]);
    webhookKey(scheme, values[secret]!);
  } catch (error) {
    if (isUnavailable(error)) throw error;
    throw new MillraceError("invalid_request", (error as Error).message, { pointer: "/secret" });
  }
}

function needed<T>(field: string, value: T | undefined): T {
  if (value !== undefined) return value;
  throw new MillraceError("invalid_request", `/${field}: say it when the endpoint is made`, {
    pointer: `/${field}`,
  });
}

function noEndpoint(name: string): MillraceError {
  return new MillraceError(
    "webhook_not_found",
    `there is no endpoint ${JSON.stringify(name)}; GET /api/v1/webhooks lists them`,
  );
}

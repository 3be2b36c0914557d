import { randomBytes } from "node:crypto";
import { DEFAULT_PROJECT, MillraceError, type WebhookEvent } from "@millrace/core";
import type { Caller } from "../../security/caller.ts";
import { seal } from "../../security/envelope.ts";
import type { SecretKeys } from "../../security/key-ring.ts";
import type { OutboundGuard } from "@millrace/sdk/http";
import { newStandardSecret } from "../../security/webhook-signature.ts";
import type { Database, Transaction } from "../../store/database.ts";
import { deleteSecret, lockSecrets, putSecret } from "../../store/secrets.ts";
import type { Queryable } from "../../store/statement.ts";
import {
  type DeliveryRow,
  insertDelivery,
  readDelivery,
  repeatDelivery,
} from "../../store/webhook-deliveries.ts";
import { lockWebhooks, readEndpoint } from "../../store/webhook-endpoints.ts";
import {
  type SubscriptionRow,
  deleteSubscription,
  putSubscription,
  readSubscription,
  replaceSubscriptionSecret,
} from "../../store/webhook-subscriptions.ts";
import { asCaller } from "../as-caller.ts";
import { ringToSeal } from "../secrets.ts";
import { projectToBe } from "../project-to-be.ts";
import { requireJob, requireOwnName } from "./endpoints.ts";

/** To whom the secrets of subscriptions are bound. No job can have this name, so that none gets them. */
export const SENDER = "_webhooks";

/** Secrets of before that hold still: each makes a header longer, and one is what a change needs. */
const MAX_OLDER = 3;

/** What a subscription is to be; what is undefined stays as it was. */
export interface GivenSubscription {
  url: string | undefined;
  events: readonly WebhookEvent[] | undefined;
  /** Null for every job of its project. */
  job: string | null | undefined;
  enabled: boolean | undefined;
  /** To which it is to belong when it is made; that of its job, if it is about one. */
  project?: string | undefined;
}

/** A subscription as it was set; with its secret when it was made just now. */
export interface SetSubscription {
  row: SubscriptionRow;
  secret: string | undefined;
}

/**
 * Makes a subscription, with a new secret, or changes one, which keeps its own. The URL is checked as far as that goes without its addresses:
 * those are checked whenever something is sent.
 *
 * @throws MillraceError `forbidden`, `unknown_job`, `blocked_destination`, `secret_key_missing`; `invalid_request` for what is missing, and a
 *   name that an endpoint has
 */
export function setSubscription(
  db: Database,
  caller: Caller,
  { keys, guard }: { keys: SecretKeys; guard: OutboundGuard },
  name: string,
  given: GivenSubscription,
): Promise<SetSubscription> {
  return asCaller(db, caller, "edit", "own", async (tx) => {
    await lockWebhooks(tx);
    const [before] = await readSubscription(tx, name);
    if (!before) await requireFreeName(tx, caller, name);
    const url = needed("url", given.url ?? before?.url);
    const events = needed("events", given.events ?? before?.events);
    const job = given.job === undefined ? (before?.job ?? null) : given.job;
    const project = await projectOf(tx, caller, name, { before, job, asked: given.project });
    requireDestination(guard, url);
    const made = before
      ? undefined
      : await makeSecret(tx, caller, keys, { subscription: name, project });
    const [row] = await putSubscription(
      tx,
      name,
      url,
      [...new Set(events)],
      job,
      before?.secret ?? made!.name,
      given.enabled ?? before?.enabled ?? true,
      caller.name,
      project,
      isOfAll(caller, project, job),
    );
    return { row: row!, secret: made?.value };
  });
}

/**
 * Gives a subscription a new secret. For so long deliveries are signed under that of before, too; then it is forgotten.
 *
 * @throws MillraceError `forbidden`, `webhook_not_found`, `secret_key_missing`; `invalid_request` when too many overlap
 */
export function rotateSubscription(
  db: Database | Transaction,
  caller: Caller,
  keys: SecretKeys,
  name: string,
  overlapMs: number,
): Promise<{ row: SubscriptionRow; secret: string }> {
  return asCaller(db, caller, "edit", { subscription: name }, async (tx) => {
    await lockWebhooks(tx);
    const before = await requireSubscription(tx, name);
    const now = Date.now();
    const end = new Date(now + overlapMs).toISOString();
    const known = [{ name: before.secret, until: end }, ...before.older_secrets];
    const older = known.filter(({ until }) => Date.parse(until) > now);
    if (older.length > MAX_OLDER) throw tooManyOverlap(name, older.at(-1)!.until);
    const { name: secret, value } = await makeSecret(tx, caller, keys, {
      subscription: name,
      project: before.project,
    });
    const [row] = await replaceSubscriptionSecret(
      tx,
      name,
      secret,
      JSON.stringify(older),
      caller.name,
    );
    for (const one of known) if (!older.includes(one)) await deleteSecret(tx, one.name);
    return { row: row!, secret: value };
  });
}

/** With its secret and its log. @throws MillraceError `forbidden`, `webhook_not_found` */
export function removeSubscription(
  db: Database,
  caller: Caller,
  name: string,
): Promise<SubscriptionRow> {
  return asCaller(db, caller, "edit", { subscription: name }, async (tx) => {
    const [row] = await deleteSubscription(tx, name);
    if (row) return row;
    throw noSubscription(name);
  });
}

/** @throws MillraceError `webhook_not_found` */
export async function requireSubscription(db: Queryable, name: string): Promise<SubscriptionRow> {
  const [row] = await readSubscription(db, name);
  if (row) return row;
  throw noSubscription(name);
}

/**
 * Puts a delivery of the event `webhook.ping` before the others.
 *
 * @throws MillraceError `forbidden`, `webhook_not_found`; `invalid_request` for one that is switched off
 */
export function testSubscription(db: Database, caller: Caller, name: string): Promise<DeliveryRow> {
  return asCaller(db, caller, "operate", { subscription: name }, async (tx, tell) => {
    requireEnabled(await requireSubscription(tx, name));
    const type = "webhook.ping";
    const body = { type, timestamp: new Date().toISOString(), data: { subscription: name } };
    const [row] = await insertDelivery(tx, name, type, JSON.stringify(body));
    tell("webhook.tested", `webhook:${name}`, { after: { delivery: row!.id } });
    return row!;
  });
}

/**
 * Sends a delivery again, whatever became of it, under the same id.
 *
 * @throws MillraceError `forbidden`, `delivery_not_found`; `invalid_request` when its subscription is switched off
 */
export function redeliver(db: Database, caller: Caller, id: string): Promise<DeliveryRow> {
  return asCaller(db, caller, "operate", { delivery: id }, async (tx, tell) => {
    const { subscription } = await requireDelivery(tx, id);
    requireEnabled(await requireSubscription(tx, subscription));
    const [row] = await repeatDelivery(tx, id);
    if (!row) throw noDelivery(id);
    tell("webhook.redelivered", `webhook:${subscription}`, { after: { delivery: id } });
    return row;
  });
}

/** @throws MillraceError `delivery_not_found` */
export async function requireDelivery(db: Queryable, id: string): Promise<DeliveryRow> {
  const [row] = await readDelivery(db, id);
  if (row) return row;
  throw noDelivery(id);
}

/** It lies among the other secrets, so that it is under their keys, and goes with them to new ones. */
async function makeSecret(
  tx: Queryable,
  caller: Caller,
  keys: SecretKeys,
  { subscription, project }: { subscription: string; project: string },
): Promise<{ name: string; value: string }> {
  await lockSecrets(tx);
  const readable = subscription
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]/g, "_")
    .slice(0, 70);
  const name = `WEBHOOK_${readable}_${randomBytes(4).toString("hex").toUpperCase()}`;
  const value = newStandardSecret();
  const { wrappedKey, sealed } = seal(await ringToSeal(tx, keys), { name, version: 1 }, value);
  await putSecret(
    tx,
    name,
    1,
    [SENDER],
    null,
    null,
    wrappedKey,
    sealed,
    caller.name,
    project,
    null,
  );
  return { name, value };
}

/**
 * Whether it is told of the alerts of the whole installation: those of who is confined to nothing, but where they have put it into a project. Whoever
 * is confined, and changes it, is told of no more than their own.
 */
function isOfAll({ projects }: Caller, project: string, job: string | null): boolean {
  return projects === null && project === DEFAULT_PROJECT && job === null;
}

function requireDestination(guard: OutboundGuard, url: string): void {
  try {
    guard.check(url);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw new MillraceError(error.code, error.message, { pointer: "/url" });
  }
}

/** Of one that is about one job, where that is. @throws MillraceError as {@link setSubscription} */
async function projectOf(
  tx: Queryable,
  caller: Caller,
  name: string,
  asked: { before: SubscriptionRow | undefined; job: string | null; asked: string | undefined },
): Promise<string> {
  const { before, job } = asked;
  const what = `subscription ${name}`;
  if (before) requireOwnName(caller, what, before);
  if (job === null) return projectToBe(tx, caller, what, before, asked.asked);
  const { project } = await requireJob(tx, job, caller.projects);
  const said = before?.project ?? asked.asked ?? project;
  if (said === project) return project;
  throw new MillraceError(
    "invalid_request",
    `job ${job} does not belong to project ${said}, to which the subscription belongs; name a job of that, or none`,
    { pointer: "/job" },
  );
}

async function requireFreeName(tx: Queryable, caller: Caller, name: string): Promise<void> {
  const [row] = await readEndpoint(tx, name);
  if (!row) return;
  requireOwnName(caller, `subscription ${name}`, row);
  throw new MillraceError(
    "invalid_request",
    `there is an endpoint named ${name} already; give this subscription another name`,
  );
}

function requireEnabled({ name, enabled, disabled_reason }: SubscriptionRow): void {
  if (enabled) return;
  throw new MillraceError(
    "invalid_request",
    `the subscription ${name} is switched off${disabled_reason ? `: ${disabled_reason}` : ""}; switch it on first`,
  );
}

function needed<T>(field: string, value: T | undefined): T {
  if (value !== undefined) return value;
  throw new MillraceError("invalid_request", `/${field}: say it when the subscription is made`, {
    pointer: `/${field}`,
  });
}

function noSubscription(name: string): MillraceError {
  return new MillraceError(
    "webhook_not_found",
    `there is no subscription ${JSON.stringify(name)}; GET /api/v1/webhooks lists them`,
  );
}

function tooManyOverlap(name: string, until: string): MillraceError {
  return new MillraceError(
    "invalid_request",
    `the subscription ${name} is signed under ${MAX_OLDER} secrets of before already; wait until ${until}, or give no overlap, which ends the last one at once`,
  );
}

function noDelivery(id: string): MillraceError {
  return new MillraceError("delivery_not_found", `there is no delivery ${id} on record`);
}

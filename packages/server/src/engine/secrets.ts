import { MillraceError, SECRET_HOST_RULE, secretHost } from "@millrace/core";
import type { Caller } from "../security/caller.ts";
import { seal } from "../security/envelope.ts";
import type { KeyRing, SecretKeys } from "../security/key-ring.ts";
import { readReference, secretValue, valueTrouble } from "../security/secret-source.ts";
import type { Database } from "../store/database.ts";
import {
  type SecretRow,
  deleteSecret,
  lockSecrets,
  putSecret,
  readSecret,
  secretKeyIds,
} from "../store/secrets.ts";
import type { Queryable } from "../store/statement.ts";
import { subjectKeyIds } from "../store/subjects.ts";
import { asCaller } from "./as-caller.ts";
import { projectToBe } from "./project-to-be.ts";

export interface GivenSecret {
  name: string;
  /** What handlers get, or where workers find it. */
  given: { value: string } | { source: string };
  /** The jobs of its project that may have it; undefined for those of before. */
  jobs: readonly string[] | "all" | undefined;
  /** To which it is to belong when it is set first. */
  project?: string | undefined;
  /** The hosts that it may be sent to, and nowhere else; any, where handlers get it as text; undefined for those of before. */
  hosts?: readonly string[] | "any" | undefined;
  /** When this value stops working at the other side; undefined for never. It is told of, and given to handlers all the same. */
  expiresAt?: Date | undefined;
}

/**
 * Sets a secret, or gives it another value: what was there before is gone.
 *
 * @throws MillraceError `forbidden`, `invalid_request`, `secret_key_missing`, `project_not_found`; `name_taken` by another project
 */
export function setSecret(
  db: Database,
  caller: Caller,
  keys: SecretKeys,
  { name, given, jobs, hosts, project: asked, expiresAt }: GivenSecret,
): Promise<SecretRow> {
  return asCaller(db, caller, "administer", "own", async (tx) => {
    const value = "value" in given ? requireValue(given.value) : undefined;
    const source = "source" in given ? given.source : null;
    if (source !== null) readReference(source);
    await lockSecrets(tx);
    const [before] = await readSecret(tx, name);
    const project = await projectToBe(tx, caller, `secret ${name}`, before, asked);
    const bound = boundTo(name, jobs, before);
    const boundHosts = hosts === undefined ? (before?.hosts ?? null) : hostsOf(hosts);
    const version = (before?.version ?? 0) + 1;
    const envelope =
      value === undefined
        ? { wrappedKey: null, sealed: null }
        : seal(await ringToSeal(tx, keys), { name, version }, value);
    const { wrappedKey, sealed } = envelope;
    const [row] = await putSecret(
      tx,
      name,
      version,
      bound,
      boundHosts,
      source,
      wrappedKey,
      sealed,
      caller.name,
      project,
      expiresAt ?? null,
    );
    return row!;
  });
}

/** Those who have loaded it know it for half a minute still. @throws MillraceError `forbidden`, `secret_not_found` */
export function removeSecret(db: Database, caller: Caller, name: string): Promise<SecretRow> {
  return asCaller(db, caller, "administer", { secret: name }, async (tx) => {
    const [row] = await deleteSecret(tx, name);
    if (row) return row;
    throw new MillraceError(
      "secret_not_found",
      `there is no secret ${JSON.stringify(name)}; GET /api/v1/secrets lists them`,
    );
  });
}

/**
 * Holds the keys to what is in the database: a process that has not all of them would fail runs, or write what the others cannot read.
 *
 * @throws MillraceError `secret_key_missing`
 */
export async function requireKeys(db: Queryable, keys: SecretKeys): Promise<KeyRing | undefined> {
  const inUse = [...(await secretKeyIds(db)), ...(await subjectKeyIds(db))];
  return requireKeysOf(inUse, keys, "secrets, or subjects of runs,");
}

/** @param what it is that is under these keys @throws MillraceError `secret_key_missing` */
export function requireKeysOf(
  ids: readonly { key_id: string }[],
  keys: SecretKeys,
  what: string,
): KeyRing | undefined {
  const ring = keys.read();
  const missing = [...new Set(ids.map(({ key_id }) => key_id))].filter((id) => !ring?.get(id));
  if (missing.length === 0) return ring;
  const [are, them] = missing.length === 1 ? ["the key", "it"] : ["the keys", "them"];
  throw new MillraceError(
    "secret_key_missing",
    `${what} in the database are encrypted under ${are} ${missing.join(", ")}, and ${keys.words} does not have ${them}; add ${them} there, as another server of this database has ${them}`,
  );
}

/** Under which a secret is encrypted that is stored now. @throws MillraceError `secret_key_missing` */
export async function ringToSeal(tx: Queryable, keys: SecretKeys): Promise<KeyRing> {
  return (await requireKeys(tx, keys)) ?? keys.make();
}

function requireValue(text: string): string {
  const value = secretValue(text);
  const trouble = valueTrouble(value);
  if (trouble === undefined) return value;
  throw new MillraceError("invalid_request", trouble, { pointer: "/value" });
}

/** In the form in which URLs have them. @throws MillraceError `invalid_request` */
function hostsOf(hosts: readonly string[] | "any"): string[] | null {
  if (hosts === "any") return null;
  const known = hosts.map((host, place) => {
    const read = secretHost(host);
    if (read !== undefined) return read;
    throw new MillraceError("invalid_request", `${JSON.stringify(host)}: ${SECRET_HOST_RULE}`, {
      pointer: `/hosts/${place}`,
    });
  });
  return [...new Set(known)].sort();
}

function boundTo(
  name: string,
  jobs: GivenSecret["jobs"],
  before: SecretRow | undefined,
): string[] | null {
  if (jobs === "all") return null;
  if (jobs) return [...new Set(jobs)].sort();
  if (before) return before.jobs;
  throw new MillraceError(
    "invalid_request",
    `which jobs may have ${name} must be said when it is set first: name them, or say that all may`,
    { pointer: "/jobs" },
  );
}

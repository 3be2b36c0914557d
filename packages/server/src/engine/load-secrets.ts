import { MillraceError } from "@millrace/core";
import type { HostBound } from "@millrace/sdk";
import { open } from "../security/envelope.ts";
import type { SecretKeys } from "../security/key-ring.ts";
import {
  type FoundSecret,
  type SecretSources,
  type SourceKind,
  readReference,
  secretValue,
  valueTrouble,
} from "../security/secret-source.ts";
import { SourceAway } from "../security/source-away.ts";
import { isUnavailable } from "../store/database.ts";
import { type JobSecretRow, readJobSecrets } from "../store/secrets.ts";
import type { Queryable } from "../store/statement.ts";

/** Where the values of secrets come from. */
export interface SecretOrigins {
  readonly keys: SecretKeys;
  readonly sources: SecretSources;
  /** Told which are about to be given, in which versions; when it rejects, none is. */
  readonly onGiven?: (job: string, given: readonly GivenVersion[]) => Promise<void>;
}

export interface GivenVersion {
  readonly name: string;
  readonly version: number;
}

export interface LoadedSecrets {
  /** Text, or with it the hosts that it is bound to. */
  readonly values: Record<string, string | HostBound>;
  /** For how long from now on they may be given to anybody, in milliseconds: as long as the first of them. */
  readonly goodForMs: number;
}

/** What a worker needs for a source that it does not have. */
const NEEDED: Readonly<Record<SourceKind, string>> = {
  env: "an environment",
  file: "files",
  vault: "MILLRACE_VAULT",
  aws: "AWS",
  gcp: "GCP",
  azure: "Azure",
};

/**
 * The secrets that a job declares. All of them or none: what is missing has no substitute.
 *
 * @throws MillraceError `secret_missing`, which says of each what is wrong; `secrets_unavailable` when that is nothing but that where they lie, or the
 *   database, gives no answer
 */
export async function loadSecrets(
  db: Queryable,
  origins: SecretOrigins,
  job: string,
  names: readonly string[],
): Promise<LoadedSecrets> {
  try {
    return await openSecrets(await readJobSecrets(db, job, names), origins, job, names);
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    throw new MillraceError(
      "secrets_unavailable",
      `job ${job} waits for its secrets: the database gives no answer`,
      { cause: error },
    );
  }
}

/**
 * The same of rows that somebody has read who may not read those of any job.
 *
 * @throws MillraceError as {@link loadSecrets}
 */
async function openSecrets(
  found: readonly JobSecretRow[],
  { keys, sources, onGiven }: SecretOrigins,
  job: string,
  names: readonly string[],
): Promise<LoadedSecrets> {
  const rows = new Map(found.map((row) => [row.name, row]));
  const asked = names.map((name) => find(name, job, rows.get(name), { keys, sources }));
  const answers = await Promise.allSettled(asked);
  const values: LoadedSecrets["values"] = {};
  const troubles: { text: string; away: boolean }[] = [];
  let goodForMs = Infinity;
  for (const [place, answer] of answers.entries()) {
    const name = names[place]!;
    if (answer.status === "rejected") {
      const error = answer.reason as Error;
      troubles.push({ text: `${name}: ${error.message}`, away: error instanceof SourceAway });
      continue;
    }
    const { value } = answer.value;
    const hosts = rows.get(name)?.hosts ?? null;
    values[name] = hosts === null ? value : { value, hosts };
    goodForMs = Math.min(goodForMs, answer.value.goodForMs ?? Infinity);
  }
  if (troubles.length === 0) {
    await onGiven?.(
      job,
      names.map((name) => rows.get(name)!),
    );
    return { values, goodForMs };
  }
  const texts = troubles.map(({ text }) => text).join("; ");
  if (troubles.every(({ away }) => away)) {
    throw new MillraceError(
      "secrets_unavailable",
      `job ${job} waits for its secrets, which lie where nobody answers: ${texts}`,
    );
  }
  throw new MillraceError("secret_missing", `job ${job} does not get its secrets: ${texts}`);
}

/**
 * Secrets that are used here, and sent to nobody, such as what webhooks are signed under.
 *
 * @throws MillraceError as {@link loadSecrets} does; `secret_missing` for one that is bound to hosts
 */
export async function openTexts(
  found: readonly JobSecretRow[],
  origins: SecretOrigins,
  job: string,
  names: readonly string[],
): Promise<Record<string, string>> {
  const { values } = await openSecrets(found, origins, job, names);
  const texts = Object.entries(values).map(([name, value]) => {
    if (typeof value === "string") return [name, value];
    throw new MillraceError(
      "secret_missing",
      `${name}: it is bound to hosts, and serves to call these alone; name another secret, or set it again with --any-host`,
    );
  });
  return Object.fromEntries(texts) as Record<string, string>;
}

async function find(
  name: string,
  job: string,
  row: JobSecretRow | undefined,
  { keys, sources }: SecretOrigins,
): Promise<FoundSecret> {
  if (!row) throw new Error(`it is not set; millrace secrets set ${name} --job ${job}`);
  if (!row.bound) {
    throw new Error(`it is not bound to this job; set it again with --job ${job} among its jobs`);
  }
  if (row.source === null) return { value: stored(row, keys) };
  const { kind, place } = readReference(row.source);
  const source = sources[kind];
  if (!source) {
    throw new Error(`it lies at ${row.source}, for which this worker needs ${NEEDED[kind]}`);
  }
  const found = await source.resolve(place);
  const value = secretValue(found.value);
  const trouble = valueTrouble(value);
  if (trouble === undefined) return { ...found, value };
  throw new Error(`at ${row.source}, ${trouble}`);
}

function stored({ name, version, wrapped_key, sealed }: JobSecretRow, keys: SecretKeys): string {
  const ring = keys.read();
  if (!ring) throw new Error(`this worker has no keys to open it with, in ${keys.words}`);
  return open(ring, { name, version }, { wrappedKey: wrapped_key!, sealed: sealed! });
}

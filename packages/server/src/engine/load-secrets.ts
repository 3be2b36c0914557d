import { MillraceError } from "@millrace/core";
import { open } from "../security/envelope.ts";
import type { SecretKeys } from "../security/key-ring.ts";
import {
  type SecretSources,
  readReference,
  secretValue,
  valueTrouble,
} from "../security/secret-source.ts";
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

/**
 * The secrets that a job declares. All of them or none: what is missing has no substitute.
 *
 * @throws MillraceError `secret_missing`, which says of each what is wrong
 */
export async function loadSecrets(
  db: Queryable,
  { keys, sources, onGiven }: SecretOrigins,
  job: string,
  names: readonly string[],
): Promise<Record<string, string>> {
  const rows = new Map((await readJobSecrets(db, job, names)).map((row) => [row.name, row]));
  const values: Record<string, string> = {};
  const troubles: string[] = [];
  for (const name of names) {
    try {
      values[name] = await valueOf(name, job, rows.get(name), { keys, sources });
    } catch (error) {
      troubles.push(`${name}: ${(error as Error).message}`);
    }
  }
  if (troubles.length === 0) {
    await onGiven?.(job, [...rows.values()]);
    return values;
  }
  throw new MillraceError(
    "secret_missing",
    `job ${job} does not get its secrets: ${troubles.join("; ")}`,
  );
}

async function valueOf(
  name: string,
  job: string,
  row: JobSecretRow | undefined,
  { keys, sources }: SecretOrigins,
): Promise<string> {
  if (!row) throw new Error(`it is not set; millrace secrets set ${name} --job ${job}`);
  if (!row.bound) {
    throw new Error(`it is not bound to this job; set it again with --job ${job} among its jobs`);
  }
  if (row.source === null) return stored(row, keys);
  const { kind, place } = readReference(row.source);
  const value = secretValue(await sources[kind].resolve(place));
  const trouble = valueTrouble(value);
  if (trouble === undefined) return value;
  throw new Error(`at ${row.source}, ${trouble}`);
}

function stored({ name, version, wrapped_key, sealed }: JobSecretRow, keys: SecretKeys): string {
  const ring = keys.read();
  if (!ring) throw new Error(`this worker has no keys to open it with, in ${keys.words}`);
  return open(ring, { name, version }, { wrappedKey: wrapped_key!, sealed: sealed! });
}

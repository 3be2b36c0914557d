import { type Database, type SecretKeys, SecretLeases, loadSecrets, setSecret } from "millrace";
import { EnvironmentSource } from "../../packages/server/src/security/environment-source.ts";
import { FileSource } from "../../packages/server/src/security/file-source.ts";

/** Whoever may set secrets. */
export const ADMIN = { name: "api", role: "admin", projects: null } as const;

/** Stores a secret for all jobs, or for those that are named; bound to hosts, where some are. */
export async function storeSecret(
  db: Database,
  keys: SecretKeys,
  name: string,
  value: string,
  jobs: readonly string[] | "all" = "all",
  hosts?: readonly string[],
): Promise<void> {
  await setSecret(db, ADMIN, keys, { name, given: { value }, jobs, hosts });
}

/** The secrets of a worker's jobs, as a server has them. */
export function leasesOn(
  db: Database,
  keys: SecretKeys,
  { env = {}, now, asked }: { env?: NodeJS.ProcessEnv; now?: () => number; asked?: string[] } = {},
): SecretLeases {
  const sources = { env: new EnvironmentSource(env), file: new FileSource("/nowhere") };
  return new SecretLeases(({ name, secrets }) => {
    asked?.push(name);
    return loadSecrets(db, { keys, sources }, name, secrets);
  }, now && { now });
}

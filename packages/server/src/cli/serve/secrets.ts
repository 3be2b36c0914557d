import { hostname } from "node:os";
import { GivenSecrets } from "../../engine/given-secrets.ts";
import { loadSecrets } from "../../engine/load-secrets.ts";
import { requireKeys } from "../../engine/secrets.ts";
import type { JobRegistry } from "../../engine/job-registry.ts";
import { EnvironmentSource } from "../../security/environment-source.ts";
import { FileSource } from "../../security/file-source.ts";
import { SecretLeases } from "../../worker/secret-leases.ts";
import { secretKeysOf } from "../secret-keys.ts";
import type { Ground } from "./ground.ts";

/** The secrets of the jobs of a worker, from the database and from where they refer to. */
export function secretLeases({ cli, serving, db }: Ground): SecretLeases {
  const { settings, masks } = serving;
  const keys = secretKeysOf(settings);
  const sources = { env: new EnvironmentSource(cli.env), file: new FileSource(settings.home) };
  const given = new GivenSecrets(db, `worker:${hostname()}:${process.pid}`);
  const origins = { keys, sources, onGiven: given.note };
  return new SecretLeases(({ name, secrets }) => loadSecrets(db, origins, name, secrets), {
    masks,
  });
}

/**
 * What is wrong with the keys shows at the start, and not when a run fails. A worker whose jobs declare no secrets needs no keys.
 *
 * @throws MillraceError `secret_key_missing`, `invalid_setting`, `insecure_file`
 */
export async function checkSecretKeys(
  { db, serving }: Ground,
  registry?: JobRegistry,
): Promise<void> {
  const needs = registry?.names.some((name) => registry.get(name)!.secrets.length > 0) ?? true;
  if (needs) await requireKeys(db, secretKeysOf(serving.settings));
}

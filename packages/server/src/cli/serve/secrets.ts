import { hostname } from "node:os";
import { GivenSecrets } from "../../engine/given-secrets.ts";
import { type SecretOrigins, loadSecrets } from "../../engine/load-secrets.ts";
import { Subjects } from "../../engine/subjects/subjects.ts";
import { requireKeys } from "../../engine/secrets.ts";
import type { JobRegistry } from "../../engine/job-registry.ts";
import { EnvironmentSource } from "../../security/environment-source.ts";
import { FileSource } from "../../security/file-source.ts";
import { AwsManager } from "../../security/managers/aws-manager.ts";
import { AzureManager } from "../../security/managers/azure-manager.ts";
import { GcpManager } from "../../security/managers/gcp-manager.ts";
import { LeasedSource } from "../../security/managers/leased-source.ts";
import type { SecretManager } from "../../security/managers/secret-manager.ts";
import { VaultManager } from "../../security/managers/vault-manager.ts";
import type { SecretSources } from "../../security/secret-source.ts";
import { SecretLeases } from "../../worker/secret-leases.ts";
import { secretKeysOf } from "../secret-keys.ts";
import type { Ground } from "./ground.ts";

/** The secrets of the jobs of a worker, from the database and from where they refer to. */
export function secretLeases(ground: Ground): SecretLeases {
  const { serving, db } = ground;
  const given = new GivenSecrets(db, `worker:${hostname()}:${process.pid}`);
  const origins = { ...secretOrigins(ground), onGiven: given.note };
  return new SecretLeases(({ name, secrets }) => loadSecrets(db, origins, name, secrets), {
    masks: serving.masks,
  });
}

/** Where the values of secrets come from in this process. */
export function secretOrigins(ground: Ground): SecretOrigins {
  return { keys: secretKeysOf(ground.serving.settings), sources: secretSources(ground) };
}

/** The keys of the subjects of runs, as this process may have them. */
export function subjectsOf({ db, serving }: Ground): Subjects {
  return new Subjects(db, secretKeysOf(serving.settings));
}

/** Nobody is asked, and no library loaded, before a job wants a secret that lies there. */
export function secretSources({ cli, serving: { settings, undo } }: Ground): SecretSources {
  const { home, vault, vaultCredential, gcpSecrets, azureVaults, secretLeaseMs } = settings;
  const leased = (manager: SecretManager) => new LeasedSource(manager, { leaseMs: secretLeaseMs });
  const aws = new AwsManager();
  undo.add("AWS Secrets Manager", () => aws.close());
  const sources = {
    env: new EnvironmentSource(cli.env),
    file: new FileSource(home),
    aws: leased(aws),
    gcp: leased(new GcpManager(gcpSecrets)),
    azure: leased(new AzureManager(azureVaults)),
  };
  if (!vault) return sources;
  const manager = new VaultManager(vault, vaultCredential);
  undo.add("Vault", () => manager.close());
  return { ...sources, vault: leased(manager) };
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
  const needs =
    registry?.names.some((name) => {
      const { secrets, subject } = registry.get(name)!;
      return secrets.length > 0 || Boolean(subject);
    }) ?? true;
  if (needs) await requireKeys(db, secretKeysOf(serving.settings));
}

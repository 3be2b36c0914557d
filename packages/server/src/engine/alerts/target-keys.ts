import type { KeyRing, SecretKeys } from "../../security/key-ring.ts";
import { alertTargetKeyIds } from "../../store/alert-targets.ts";
import type { Queryable } from "../../store/statement.ts";
import { requireKeysOf, ringToSeal } from "../secrets.ts";

/** Under which a credential is encrypted that is set now. @throws MillraceError `secret_key_missing` */
export async function ringForTargets(tx: Queryable, keys: SecretKeys): Promise<KeyRing> {
  await requireTargetKeys(tx, keys);
  return ringToSeal(tx, keys);
}

/** Without a key that credentials are under, nobody could be told of alerts. @throws MillraceError `secret_key_missing` */
export async function requireTargetKeys(db: Queryable, keys: SecretKeys): Promise<void> {
  requireKeysOf(await alertTargetKeyIds(db), keys, "credentials of alert targets");
}

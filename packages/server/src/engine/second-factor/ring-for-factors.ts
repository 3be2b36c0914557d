import type { KeyRing, SecretKeys } from "../../security/key-ring.ts";
import { factorKeyIds } from "../../store/second-factors.ts";
import type { Queryable } from "../../store/statement.ts";
import { requireKeysOf, ringToSeal } from "../secrets.ts";

/** Under which a second factor is encrypted that is set now. @throws MillraceError `secret_key_missing` */
export async function ringForFactors(tx: Queryable, keys: SecretKeys): Promise<KeyRing> {
  await requireFactorKeys(tx, keys);
  return ringToSeal(tx, keys);
}

/** Without a key that second factors are under, people could not log in. @throws MillraceError `secret_key_missing` */
export async function requireFactorKeys(db: Queryable, keys: SecretKeys): Promise<void> {
  requireKeysOf(await factorKeyIds(db), keys, "second factors of people");
}

import { type SecretPlace, open, seal } from "../../security/envelope.ts";
import type { SecretKeys } from "../../security/key-ring.ts";
import { type Database, inTransaction } from "../../store/database.ts";
import { lockSecrets } from "../../store/secrets.ts";
import { ringForFactors } from "./ring-for-factors.ts";

/**
 * What a browser keeps for us and brings back, so that any server may go on with what another began. It is encrypted under keys that are not in the
 * database: whoever has a copy of that can neither read one nor make one.
 *
 * @throws MillraceError `secret_key_missing`
 */
export async function sealForBrowser(
  db: Database,
  keys: SecretKeys,
  place: SecretPlace,
  value: object,
): Promise<string> {
  const ring = await inTransaction(db, async (tx) => {
    await lockSecrets(tx);
    return ringForFactors(tx, keys);
  });
  const { wrappedKey, sealed } = seal(ring, place, JSON.stringify(value));
  return `${wrappedKey.toString("base64url")}.${sealed.toString("base64url")}`;
}

/** @returns undefined for what is none of ours, or of another place: what is wrong with it is nobody's business */
export function openFromBrowser(keys: SecretKeys, place: SecretPlace, text: string): unknown {
  const [wrappedKey = "", sealed = ""] = text.split(".");
  const ring = keys.read();
  if (!ring || sealed === "") return undefined;
  const envelope = {
    wrappedKey: Buffer.from(wrappedKey, "base64url"),
    sealed: Buffer.from(sealed, "base64url"),
  };
  try {
    return JSON.parse(open(ring, place, envelope));
  } catch {
    return undefined;
  }
}

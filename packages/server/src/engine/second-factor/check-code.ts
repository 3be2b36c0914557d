import { MillraceError } from "@millrace/core";
import { open } from "../../security/envelope.ts";
import type { SecretKeys } from "../../security/key-ring.ts";
import { stepOfCode } from "../../security/one-time-code.ts";
import { readRecoveryCode } from "../../security/recovery-codes.ts";
import type { Database } from "../../store/database.ts";
import { type ProvablePerson, spendRecovery, spendStep } from "../../store/second-factors.ts";
import { asActor } from "../as-caller.ts";
import { countedCode } from "../login-limits.ts";
import { placeOfFactor } from "./place-of-factor.ts";

export interface GivenCode {
  /** Of the app, or a recovery code; as it was typed. */
  code: string;
  address: string;
}

/**
 * Spends a code of somebody who has a second factor. It is counted before it is looked at, for the person, from wherever: only who has the password
 * comes so far, and a code could be guessed.
 *
 * @throws MillraceError `login_failed` for a code that is wrong, over, or spent; `secret_key_missing`; LoginLimited
 */
export async function checkCode(
  db: Database,
  keys: SecretKeys,
  person: ProvablePerson,
  { code, address }: GivenCode,
): Promise<void> {
  const counted = await countedCode(db, person.id);
  const step = stepOfCode(secretOf(keys, person), code, Date.now());
  const spent =
    step === undefined
      ? await recovered(db, person, { code, address })
      : (await spendStep(db, person.id, step)).length > 0;
  if (!spent) {
    throw new MillraceError(
      "login_failed",
      "the code is not right, or was used before; each works once, so wait for the next one of the app",
    );
  }
  await counted.succeeded();
}

async function recovered(
  db: Database,
  { id, email, role }: ProvablePerson,
  { code, address }: GivenCode,
): Promise<boolean> {
  const digest = readRecoveryCode(code);
  if (!digest) return false;
  const rows = await asActor(db, { name: `person:${email}`, role, address }, (tx) =>
    spendRecovery(tx, id, digest),
  );
  return rows.length > 0;
}

function secretOf(keys: SecretKeys, { id, wrapped_key, sealed }: ProvablePerson): string {
  const ring = keys.read();
  try {
    return open(ring!, placeOfFactor(id), { wrappedKey: wrapped_key!, sealed: sealed! });
  } catch (error) {
    throw new MillraceError(
      "secret_key_missing",
      `the second factor of a person is encrypted under a key that ${keys.words} does not have, or is not what was stored; add the key there, or let an admin take the factor away (millrace people reset-second-factor)`,
      { cause: error },
    );
  }
}

import { createHash, timingSafeEqual } from "node:crypto";
import type { SecretPlace } from "../../security/envelope.ts";
import type { SecretKeys } from "../../security/key-ring.ts";
import type { Database } from "../../store/database.ts";
import { type ProvablePerson, readProvable } from "../../store/second-factors.ts";
import { openFromBrowser, sealForBrowser } from "./kept-by-browser.ts";

/** For so long a login may take, from the password to the code. */
const LIFETIME_MS = 10 * 60_000;

/** No secret of a job has such a name. */
const PLACE: SecretPlace = { name: "proof of a password", version: 1 };

interface Proof {
  person: string;
  /** Of the password that was proved: with another one the proof is none. */
  password: string;
  until: number;
}

/**
 * What the browser keeps of a login that wants a code still: any server may finish what another began. It says no more than that whoever has it has
 * proved the password.
 *
 * @throws MillraceError `secret_key_missing`
 */
export async function keepProof(
  db: Database,
  keys: SecretKeys,
  { id, password }: Pick<ProvablePerson, "id" | "password">,
): Promise<{ text: string; until: Date }> {
  const until = Date.now() + LIFETIME_MS;
  const proof: Proof = { person: id, password: digestOf(password), until };
  return { text: await sealForBrowser(db, keys, PLACE, proof), until: new Date(until) };
}

/** @returns undefined for what is none of ours, too old, or of who may not log in by that password any more */
export async function openProof(
  db: Database,
  keys: SecretKeys,
  text: string,
): Promise<ProvablePerson | undefined> {
  const proof = openFromBrowser(keys, PLACE, text) as Proof | undefined;
  if (!proof || proof.until <= Date.now()) return undefined;
  const [person] = await readProvable(db, proof.person);
  return person && isSame(digestOf(person.password), proof.password) ? person : undefined;
}

/** Of a salted hash. */
function digestOf(hash: string): string {
  return createHash("sha256").update(hash).digest("base64url");
}

function isSame(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}

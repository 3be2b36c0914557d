import { createHash, timingSafeEqual } from "node:crypto";
import { TokenSigner } from "../../security/signed-token.ts";
import { readLinkSecret } from "../../store/approvals.ts";
import { type ProvablePerson, readProvable } from "../../store/second-factors.ts";
import type { Queryable } from "../../store/statement.ts";

/** For so long a login may take, from the password to the code. */
const LIFETIME_MS = 10 * 60_000;

interface Proof {
  person: string;
  /** Of the password that was proved: with another one the proof is none. */
  password: string;
  until: number;
}

/**
 * What the browser keeps of a login that wants a code still, signed: any server may finish what another began. It says no more than that whoever has
 * it has proved the password.
 */
export async function keepProof(
  db: Queryable,
  { id, password }: Pick<ProvablePerson, "id" | "password">,
): Promise<{ text: string; until: Date }> {
  const until = Date.now() + LIFETIME_MS;
  const proof: Proof = { person: id, password: digestOf(password), until };
  const text = (await signerOf(db)).sign(Buffer.from(JSON.stringify(proof)));
  return { text, until: new Date(until) };
}

/** @returns undefined for what is none of ours, too old, or of who may not log in by that password any more */
export async function openProof(db: Queryable, text: string): Promise<ProvablePerson | undefined> {
  const payload = text === "" ? undefined : (await signerOf(db)).open(text);
  if (!payload) return undefined;
  const { person: id, password, until } = JSON.parse(payload.toString()) as Proof;
  if (until <= Date.now()) return undefined;
  const [person] = await readProvable(db, id);
  return person && isSame(digestOf(person.password), password) ? person : undefined;
}

/** Of a salted hash: whoever reads the cookie learns nothing of the password. */
function digestOf(hash: string): string {
  return createHash("sha256").update(hash).digest("base64url");
}

function isSame(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}

async function signerOf(db: Queryable): Promise<TokenSigner> {
  const [row] = await readLinkSecret(db);
  if (!row) throw new Error("millrace.link_secret has no row: write one with 32 random bytes");
  return new TokenSigner(row.secret, "millrace second factor");
}

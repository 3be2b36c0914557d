import type { SignOnChecks } from "../security/sign-on.ts";
import { TokenSigner } from "../security/signed-token.ts";
import { readLinkSecret } from "../store/approvals.ts";
import type { Queryable } from "../store/statement.ts";

/** For so long a sign-on may take, from the login page to the answer of the issuer. */
const LIFETIME_MS = 10 * 60_000;

/**
 * What the browser keeps of a sign-on under way, signed: any server may finish what another began, and none has to remember it. By what it
 * holds nobody can do more than finish the sign-on that this browser began.
 */
export async function keepSignOn(
  db: Queryable,
  checks: SignOnChecks,
): Promise<{ text: string; until: Date }> {
  const until = new Date(Date.now() + LIFETIME_MS);
  const payload = JSON.stringify({ ...checks, until: until.getTime() });
  return { text: (await signerOf(db)).sign(Buffer.from(payload)), until };
}

/** @returns undefined for what is none of ours, or too old */
export async function openSignOn(db: Queryable, text: string): Promise<SignOnChecks | undefined> {
  const payload = (await signerOf(db)).open(text);
  if (!payload) return undefined;
  const { until, ...checks } = JSON.parse(payload.toString()) as SignOnChecks & { until: number };
  return until > Date.now() ? checks : undefined;
}

async function signerOf(db: Queryable): Promise<TokenSigner> {
  const [row] = await readLinkSecret(db);
  if (!row) throw new Error("millrace.link_secret has no row: write one with 32 random bytes");
  return new TokenSigner(row.secret, "millrace sign-on");
}

import { createHash, randomBytes } from "node:crypto";

const FORM = /^[\w-]{43}$/;

/** A text of 256 random bits, which is shown once, and its digest, which is kept. */
export interface OneTimeSecret {
  text: string;
  digest: Buffer;
}

/** Of a session, or of a link by which a password is set. */
export function makeSecret(): OneTimeSecret {
  const text = randomBytes(32).toString("base64url");
  return { text, digest: digestOf(text) };
}

/**
 * A fast hash is enough for 256 random bits (ASVS 6.5.2).
 *
 * @returns undefined for what was never such a text
 */
export function readSecretText(text: string): Buffer | undefined {
  return FORM.test(text) ? digestOf(text) : undefined;
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";

/** `mr_`, the id, the secret of 256 bits, and six characters that tell a mistyped or made-up key without a look at the database. */
const FORM = /^mr_([0-9a-z]{12})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/;

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** An API key as it is made: the text is shown once, and kept by nobody. */
export interface MintedKey {
  id: string;
  text: string;
  digest: Buffer;
}

export interface GivenKey {
  id: string;
  digest: Buffer;
}

/**
 * The form follows that of GitHub's tokens: a prefix to search leaks for, and a checksum (CRC-32, in base 62) over all before it.
 * https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
 */
export function mintKey(): MintedKey {
  const id = [...randomBytes(12)].map((byte) => (byte % 36).toString(36)).join("");
  const secret = inBase62(BigInt(`0x${randomBytes(32).toString("hex")}`), 43);
  const body = `mr_${id}_${secret}`;
  return { id, text: body + checkOf(body), digest: digestOf(secret) };
}

/** @returns undefined for what was never a key */
export function readKey(text: string): GivenKey | undefined {
  const [, id, secret, check] = FORM.exec(text) ?? [];
  if (!id || !secret || checkOf(`mr_${id}_${secret}`) !== check) return undefined;
  return { id, digest: digestOf(secret) };
}

/** Takes the same time wherever the two differ. A fast hash is enough for 256 random bits (ASVS 6.5.2). */
export function isSameDigest(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

function digestOf(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

function checkOf(body: string): string {
  return inBase62(BigInt(crc32(body)), 6);
}

function inBase62(value: bigint, length: number): string {
  let text = "";
  for (let rest = value; text.length < length; rest /= 62n)
    text = DIGITS[Number(rest % 62n)]! + text;
  return text;
}

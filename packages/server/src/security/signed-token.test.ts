import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { TokenSigner } from "./signed-token.ts";

const secret = randomBytes(32);
const payload = Buffer.from("what it is for");

test("a token says what it is for, in letters that an address may have", () => {
  const signer = new TokenSigner(secret, "a");
  const token = signer.sign(payload);
  expect(token).toMatch(/^[\w-]+$/);
  expect(signer.open(token)).toEqual(payload);
  expect(new TokenSigner(secret, "a").open(token)).toEqual(payload);
});

test("a token of another secret, or of another purpose, is none", () => {
  const token = new TokenSigner(secret, "a").sign(payload);
  expect(new TokenSigner(secret, "b").open(token)).toBe(undefined);
  expect(new TokenSigner(randomBytes(32), "a").open(token)).toBe(undefined);
});

test("no bit of a token can be changed, and it has one spelling", () => {
  const signer = new TokenSigner(secret, "a");
  const token = signer.sign(payload);
  const bytes = Buffer.from(token, "base64url");
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const other = Buffer.from(bytes);
    other[bit >> 3]! ^= 1 << (bit & 7);
    expect(signer.open(other.toString("base64url"))).toBe(undefined);
  }
  for (const text of [
    "",
    "=",
    `${token}=`,
    ` ${token}`,
    `${token}\n`,
    token.slice(1),
    "é".repeat(50),
  ]) {
    expect(signer.open(text)).toBe(undefined);
  }
  expect(signer.open(bytes.toString("base64"))).toBe(undefined);
  expect(signer.open("A".repeat(1_000_000))).toBe(undefined);
});

test("a secret that is short is refused", () => {
  expect(() => new TokenSigner(randomBytes(16), "a")).toThrow(/32 bytes/);
});

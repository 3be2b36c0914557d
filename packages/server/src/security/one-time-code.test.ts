import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { codeUri, newCodeSecret, stepOfCode } from "./one-time-code.ts";
import { makeRecoveryCodes, readRecoveryCode } from "./recovery-codes.ts";

/** "12345678901234567890" of RFC 6238, appendix B. */
const SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

test.each([
  [59, "287082"],
  [1_111_111_109, "081804"],
  [1_111_111_111, "050471"],
  [1_234_567_890, "005924"],
  [2_000_000_000, "279037"],
  [20_000_000_000, "353130"],
])("at second %i of Unix time the code is that of RFC 6238", (second, code) => {
  expect(stepOfCode(SECRET, code, second * 1000)).toBe(Math.floor(second / 30));
});

test("a code is good a step before and after its own, and is of its own step", () => {
  const at = (second: number) => stepOfCode(SECRET, "005 924", second * 1000);
  const step = Math.floor(1_234_567_890 / 30);
  expect([at(step * 30 - 31), at(step * 30 - 30), at(step * 30 + 59), at(step * 30 + 60)]).toEqual([
    undefined,
    step,
    step,
    undefined,
  ]);
});

test("what is no code is none", () => {
  const now = 1_234_567_890_000;
  for (const text of ["", "5924", "005925", "0005924", "00592a", "٠٠٥٩٢٤", "-05924", "1e5924"]) {
    expect(stepOfCode(SECRET, text, now), text).toBe(undefined);
  }
});

test("a secret has 160 bits of chance, and an app can read it with its person and server", () => {
  const secret = newCodeSecret();
  expect(secret).toMatch(/^[A-Z2-7]{32}$/);
  expect(newCodeSecret()).not.toBe(secret);
  const uri = new URL(codeUri(secret, "ana@example.com", "ops.example.com"));
  expect(decodeURIComponent(uri.pathname)).toBe("/Millrace ops.example.com:ana@example.com");
  expect(Object.fromEntries(uri.searchParams)).toEqual({
    issuer: "Millrace ops.example.com",
    secret,
    algorithm: "SHA1",
    digits: "6",
    period: "30",
  });
  const now = Date.now();
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(now / 30_000)));
  const bits = secret
    .split("")
    .map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0"));
  const key = Buffer.from(
    bits
      .join("")
      .match(/.{8}/g)!
      .map((byte) => parseInt(byte, 2)),
  );
  const mac = createHmac("sha1", key).update(counter).digest();
  const number = mac.readUInt32BE(mac.at(-1)! & 15) & 0x7fffffff;
  const code = String(number % 1_000_000).padStart(6, "0");
  expect(stepOfCode(secret, code, now)).toBe(Math.floor(now / 30_000));
});

test("ten recovery codes of 120 bits are read however they are typed, and kept as digests", () => {
  const { texts, digests } = makeRecoveryCodes();
  expect(texts).toHaveLength(10);
  expect(new Set(texts).size).toBe(10);
  for (const [place, text] of texts.entries()) {
    expect(text).toMatch(/^([0-9a-hjkmnp-tv-z]{4}-){5}[0-9a-hjkmnp-tv-z]{4}$/);
    const typed = ` ${text.toUpperCase().replaceAll("-", " ").replaceAll("0", "O").replaceAll("1", "l")}`;
    expect(readRecoveryCode(typed)).toEqual(digests[place]);
    expect(readRecoveryCode(text.slice(1))).toBe(undefined);
  }
});

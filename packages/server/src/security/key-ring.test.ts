import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { KeyRing } from "./key-ring.ts";

const key = () => randomBytes(32).toString("base64");

describe("a ring of keys", () => {
  test("has the first for encrypting, and each by an id that its bytes give it", () => {
    const texts = [key(), key(), randomBytes(32).toString("base64url")];
    const ring = new KeyRing(texts);
    expect(ring.ids).toHaveLength(3);
    expect(ring.first.id).toBe(ring.ids[0]);
    expect(ring.first.id).toMatch(/^[0-9a-f]{8}$/);
    expect(ring.ids.map((id) => ring.get(id)?.id)).toEqual(ring.ids);
    expect(new KeyRing(texts.toReversed()).ids).toEqual(ring.ids.toReversed());
  });

  test("is in no dump of itself", () => {
    const text = key();
    const ring = new KeyRing([text]);
    const dumped = inspect(ring, { depth: 9, showHidden: true }) + JSON.stringify(ring.first);
    expect(dumped).not.toContain(text);
    expect(dumped).not.toContain(Buffer.from(text, "base64").toString("hex"));
  });

  test.each([
    ["no key", [], "there is no key"],
    ["a short key", [randomBytes(16).toString("base64")], "key 1 of 1 has 16 bytes, not 32"],
    ["a long key", [key(), randomBytes(64).toString("base64")], "key 2 of 2 has 64 bytes"],
    ["a key of zeros", [Buffer.alloc(32).toString("base64")], "key 1 of 1 can be guessed"],
    ["a key that repeats", [Buffer.alloc(32, "abcd").toString("base64")], "can be guessed"],
    ["what is no base64", ["correct horse battery staple and more"], "is not base64"],
  ])("%s is refused, and not shown", (_, texts, says) => {
    expect(() => new KeyRing(texts)).toThrow(says);
    for (const text of texts) expect(() => new KeyRing(texts)).not.toThrow(text);
  });

  test("the same key twice is refused", () => {
    const twice = key();
    expect(() => new KeyRing([twice, key(), twice])).toThrow("key 3 is there twice");
  });
});

import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { type Envelope, open, rewrap, seal } from "./envelope.ts";
import { KeyRing } from "./key-ring.ts";

const ringOf = (...texts: string[]) => new KeyRing(texts);
const key = () => randomBytes(32).toString("base64");

const GENERIC = "it is not what was stored, or its key is not there";
const PLACE = { name: "CRM_TOKEN", version: 3 };
const VALUE = "crm-tökén-0a1b2c3d4e5f";

test("S6: what was sealed opens to what it was, and is sealed another way each time", () => {
  const ring = ringOf(key());
  const [one, other] = [seal(ring, PLACE, VALUE), seal(ring, PLACE, VALUE)];
  expect(open(ring, PLACE, one)).toBe(VALUE);
  expect(one.sealed).not.toEqual(other.sealed);
  expect(one.wrappedKey.subarray(0, 5).toString("hex")).toBe(`01${ring.first.id}`);
  expect(Buffer.concat([one.sealed, one.wrappedKey]).includes(VALUE)).toBe(false);
});

test("S6: whichever bit is flipped, it fails, and always in the same words", () => {
  const ring = ringOf(key());
  const envelope = seal(ring, PLACE, VALUE);
  for (const part of ["wrappedKey", "sealed"] as const) {
    for (let bit = 0; bit < envelope[part].length * 8; bit++) {
      const flipped = Buffer.from(envelope[part]);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => open(ring, PLACE, { ...envelope, [part]: flipped })).toThrow(GENERIC);
      if (part === "wrappedKey") expect(() => rewrap(ring, PLACE, flipped)).toThrow(GENERIC);
    }
  }
});

test("S6: what is cut, or empty, fails in the same words", () => {
  const ring = ringOf(key());
  const envelope = seal(ring, PLACE, VALUE);
  for (const part of ["wrappedKey", "sealed"] as const) {
    for (let length = 0; length < envelope[part].length; length++) {
      const cut = { ...envelope, [part]: envelope[part].subarray(0, length) };
      expect(() => open(ring, PLACE, cut)).toThrow(GENERIC);
    }
  }
});

test("S6: the envelope, or half of it, of another secret or version opens in no other's place", () => {
  const ring = ringOf(key());
  const places = [PLACE, { ...PLACE, name: "CRM_TOKEN2" }, { ...PLACE, version: 4 }];
  const envelopes = places.map((place) => seal(ring, place, VALUE));
  for (const [at, place] of places.entries()) {
    for (const [of, wrong] of envelopes.entries()) {
      const mixed: Envelope[] = [
        wrong,
        { ...envelopes[at]!, sealed: wrong.sealed },
        { ...envelopes[at]!, wrappedKey: wrong.wrappedKey },
      ];
      for (const envelope of mixed) {
        if (of === at) expect(open(ring, place, envelope)).toBe(VALUE);
        else expect(() => open(ring, place, envelope)).toThrow(GENERIC);
      }
    }
  }
});

test("S6: a key that is rewrapped opens the same value under the new key alone", () => {
  const [old, fresh] = [key(), key()];
  const envelope = seal(ringOf(old), PLACE, VALUE);
  const wrappedKey = rewrap(ringOf(fresh, old), PLACE, envelope.wrappedKey);
  expect(open(ringOf(fresh), PLACE, { ...envelope, wrappedKey })).toBe(VALUE);
  expect(() => open(ringOf(old), PLACE, { ...envelope, wrappedKey })).toThrow(GENERIC);
  expect(() => open(ringOf(fresh), PLACE, envelope)).toThrow(GENERIC);
});

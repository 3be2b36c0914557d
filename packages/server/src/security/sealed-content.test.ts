import { createSecretKey, randomBytes, randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import {
  type SealedHeader,
  openContent,
  readHeader,
  replaceSealed,
  sealContent,
  sealedIn,
} from "./sealed-content.ts";

const key = createSecretKey(randomBytes(32));

const header: SealedHeader = {
  subject: randomUUID(),
  run: randomUUID(),
  place: "step",
  json: true,
};

test("S6: what is sealed opens under its key alone, and says of whom, which run and what it is", () => {
  const sealed = sealContent(key, header, '{"a":"ö"}');
  expect(openContent(key, sealed)).toBe('{"a":"ö"}');
  expect(readHeader(sealed)).toEqual(header);
  expect(openContent(createSecretKey(randomBytes(32)), sealed)).toBe(undefined);
  expect(readHeader(sealContent(key, { ...header, run: null }, ""))?.run).toBe(null);
});

test("S6: a changed bit, also in what it says of itself, opens nothing", () => {
  const sealed = sealContent(key, header, "content");
  const bytes = Buffer.from(sealed.slice(8, -1), "base64url");
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 1;
    expect(openContent(key, `[sealed ${changed.toString("base64url")}]`), String(at)).toBe(
      undefined,
    );
  }
  expect(openContent(key, "[sealed AQ]")).toBe(undefined);
});

test("the same content is another text each time, unless it is to be known again", () => {
  const seal = (content: string, once?: string) => sealContent(key, header, content, once);
  expect(seal("x")).not.toBe(seal("x"));
  expect(seal("x", "k")).toBe(seal("x", "k"));
  expect(seal("x", "k")).not.toBe(seal("y", "k"));
  expect(seal("x", "k")).not.toBe(seal("x", "l"));
  const nonce = (text: string) => Buffer.from(text.slice(8, -1), "base64url").subarray(35, 47);
  expect(nonce(seal("x", "k"))).not.toEqual(nonce(seal("y", "k")));
});

test("what is sealed within a JSON text is found and replaced, and a text that only mentions it is not", () => {
  const sealed = sealContent(key, header, "1");
  const json = JSON.stringify([sealed, { a: sealed }, `"${sealed}"`]);
  expect(sealedIn(json)).toEqual([sealed, sealed]);
  expect(JSON.parse(replaceSealed(json, () => "1"))).toEqual([1, { a: 1 }, `"${sealed}"`]);
});

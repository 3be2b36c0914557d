import { readExactJson } from "@millrace/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { writeJson } from "./write-json.ts";

test("what is laid out says the same, long numbers to the last digit", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const plain = JSON.stringify(JSON.parse(text));
      expect(JSON.stringify(JSON.parse(writeJson(readExactJson(plain))))).toBe(plain);
    }),
  );
  const text = '{"id":9007199254740993,"list":[-12345678901234567890,0.12345678901234567890]}';
  expect(writeJson(readExactJson(text)).replaceAll(/\s/g, "")).toBe(text);
});

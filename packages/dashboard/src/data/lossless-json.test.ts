import fc from "fast-check";
import { expect, test } from "vitest";
import { ExactNumber, readJson, writeJson } from "./lossless-json.ts";

test("whatever has no long number is what JSON.parse makes of it", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const plain = JSON.stringify(JSON.parse(text));
      expect(JSON.stringify(JSON.parse(writeJson(readJson(plain))))).toBe(plain);
    }),
  );
});

test.each(["9007199254740993", "-12345678901234567890", "0.12345678901234567890", "1e400"])(
  "%s is kept to the last digit",
  (number) => {
    const text = `{"id":${number},"said":"${number}","list":[${number}]}`;
    expect(readJson(text)).toMatchObject({ id: new ExactNumber(number), said: number });
    expect(writeJson(readJson(text)).replaceAll(/\s/g, "")).toBe(text);
  },
);

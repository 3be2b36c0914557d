import fc from "fast-check";
import { expect, test } from "vitest";
import { ExactNumber, readExactJson, withExactNumbers } from "./exact-json.ts";
import { isKept } from "./json-losses.ts";

test("whatever has no long number is what JSON.parse makes of it", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const plain = JSON.stringify(JSON.parse(text));
      expect(withExactNumbers(JSON.stringify(readExactJson(plain)))).toBe(plain);
    }),
  );
});

test.each(["9007199254740993", "-12345678901234567890", "0.12345678901234567890", "1e400"])(
  "%s is kept to the last digit, in whatever writes JSON",
  (number) => {
    const text = `{"id":${number},"said":"${number}","list":[${number}],"__proto__":${number}}`;
    const read = readExactJson(text);
    expect(read).toMatchObject({ id: new ExactNumber(number), said: number });
    expect(withExactNumbers(JSON.stringify(read))).toBe(text);
    expect(withExactNumbers(JSON.stringify({ of: [read] }))).toBe(`{"of":[${text}]}`);
  },
);

test("exactly the numbers that a double does not hold are kept as they were written", () => {
  const number = /^-?(0|[1-9]\d{0,20})(\.\d{1,20})?([eE][+-]?\d{1,3})?$/;
  fc.assert(
    fc.property(fc.stringMatching(number), (text) => {
      const [read] = readExactJson(`[${text}]`) as unknown[];
      expect(read).toEqual(isKept(text) ? Number(text) : new ExactNumber(text));
    }),
    { numRuns: 1000 },
  );
});

test("a number of many digits that a double holds stays a number", () => {
  expect(readExactJson("[9007199254740992, 10000000000000000000000]")).toEqual([
    9007199254740992, 1e22,
  ]);
});

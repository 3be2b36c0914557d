import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasLongNumber, jsonLosses } from "./json-losses.ts";

const paths = (text: string) =>
  [...jsonLosses(text)].map((loss) => loss.path.map((part) => `/${part}`).join(""));

describe("jsonLosses", () => {
  test("finds nothing in what JSON.stringify writes", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(undefined, 1), (value, space) => {
        expect(paths(JSON.stringify(value, null, space))).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  test("takes every double as it is printed, shortest or to 17 digits", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(paths(String(value))).toEqual([]);
        expect(paths(value.toExponential())).toEqual([]);
        if (!Number.isInteger(value)) expect(paths(value.toPrecision(17))).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });

  test("of whole numbers it finds just those that change", () => {
    fc.assert(
      // Below 1e21 JavaScript prints whole numbers without an exponent.
      fc.property(fc.bigInt({ min: -(2n ** 69n), max: 2n ** 69n }), (value) => {
        const kept = BigInt(String(Number(value)));
        expect(paths(`[${value}]`)).toEqual(kept === value ? [] : ["/0"]);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ["9007199254740993", [""]],
    ["9007199254740992", []],
    ["1152921504606846976", [""]],
    ["1152921504606847000", []],
    ["0.1", []],
    ["0.10", []],
    ["1.0e2", []],
    ["0.10000000000000001", []],
    ["3.14159265358979323846", [""]],
    ["1e400", [""]],
    ["-1e400", [""]],
    ["1e-400", [""]],
    ["0e999999", []],
    ["-0", []],
    ["-0.0", []],
    ["1e23", []],
    ["5e-324", []],
    [`1${"0".repeat(308)}`, []],
    [`1${"0".repeat(309)}`, [""]],
    [`0.${"1".repeat(100_000)}`, [""]],
    ['{"a":1,"b":{"a":2},"a":3}', ["/a"]],
    ['{"a":1,"\\u0061":2}', ["/a"]],
    ['{"__proto__":1,"__proto__":2}', ["/__proto__"]],
    ['[{"x":[1,2,{"n":12345678901234567}]},{"":1,"":2}]', ["/0/x/2/n", "/1/"]],
    ['{"a":"1e400, \\" 9007199254740993 \\\\","b":"\\\\\\""}', []],
    ["[[],{},[1],1e999]", ["/3"]],
  ])("%s", (text, expected) => {
    expect(paths(text)).toEqual(expected);
  });

  test("hasLongNumber overlooks no run of 16 digits, wherever it stands", () => {
    fc.assert(
      fc.property(fc.nat(40), fc.integer({ min: 16, max: 40 }), fc.nat(40), (before, n, after) => {
        const text = (length: number) =>
          `${"x".repeat(before)}${"7".repeat(length)}${"-".repeat(after)}`;
        expect(hasLongNumber(text(n))).toBe(true);
        expect(hasLongNumber(`${text(15)} ${text(15)}`)).toBe(false);
      }),
    );
  });

  test("depth costs no stack", () => {
    const deep = 200_000;
    expect(paths(`${"[".repeat(deep)}1e999${"]".repeat(deep)}`)).toHaveLength(1);
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toJsonText } from "./json.ts";

describe("toJsonText", () => {
  test("any JSON value comes back as it was", () => {
    const json = fc.jsonValue({ maxDepth: 5 }).filter((value) => {
      const text = JSON.stringify(value);
      return text.isWellFormed() && !text.includes("\\u0000") && !/\\ud[89a-f]/i.test(text);
    });
    fc.assert(
      fc.property(json, (value) => {
        expect(toJsonText(value, "input")).toBe(JSON.stringify(value));
      }),
      { numRuns: 500 },
    );
  });

  test("keeps a key named __proto__, and changes no prototype", () => {
    const value: unknown = JSON.parse('{"__proto__":{"admin":true},"constructor":{"prototype":1}}');
    expect(toJsonText(value, "input")).toBe(
      '{"__proto__":{"admin":true},"constructor":{"prototype":1}}',
    );
    expect({}).not.toHaveProperty("admin");
  });

  test("asks for another form once, as JSON does", () => {
    class Itself {
      a = 1;
      toJSON(): object {
        return this;
      }
    }
    class Other {
      toJSON(): object {
        return new Itself();
      }
    }
    for (const value of [new Itself(), new Other(), { deep: [new Itself(), new Other()] }]) {
      expect(toJsonText(value, "input")).toBe(JSON.stringify(value));
    }
  });

  test("leaves out undefined properties, and calls toJSON, as JSON does", () => {
    expect(toJsonText({ a: undefined, b: new Date(0) }, "input")).toBe(
      '{"b":"1970-01-01T00:00:00.000Z"}',
    );
    expect(toJsonText(undefined, "input")).toBe("null");
  });

  const cycle: Record<string, unknown> = {};
  cycle["next"] = cycle;
  let deep: unknown = 1;
  for (let depth = 0; depth < 20_000; depth++) deep = [deep];

  test.each<[string, unknown, string, string]>([
    ["NUL", { a: ["x\0"] }, "/a/0", "NUL"],
    ["a lone surrogate", { a: "\ud800" }, "/a", "surrogate"],
    ["a NUL in a key", { "k\0": 1 }, "/k\0", "key"],
    ["NaN", [NaN], "/0", "NaN is not a JSON number"],
    ["infinity", { n: -Infinity }, "/n", "-Infinity"],
    ["a bigint", { n: 1n }, "/n", "a bigint has no JSON form"],
    ["a function", { f: () => 1 }, "/f", "a function has no JSON form"],
    ["a symbol", [Symbol("s")], "/0", "a symbol has no JSON form"],
    ["a Map", { m: new Map() }, "/m", "a Map has no JSON form"],
    ["a promise that was not awaited", { p: Promise.resolve(1) }, "/p", "a Promise has"],
    ["an error", [new TypeError("x")], "/0", "a Error has no JSON form"],
    ["a pattern", { r: /x/ }, "/r", "a RegExp has"],
    ["bytes", { b: new Uint8Array(2) }, "/b", "a Uint8Array has"],
    ["a number in a box", [Object(NaN)], "/0", "a Number has"],
    ["a bigint in a box", [Object(1n)], "/0", "a BigInt has"],
    ["a date that is none", { d: new Date(NaN) }, "/d", "the date is not valid"],
    ["a bigint that toJSON gives", { t: { toJSON: () => [1n] } }, "/t/0", "a bigint"],
    ["undefined in a list", [1, undefined], "/1", "undefined"],
    ["a cycle", cycle, "/next/next", "64 levels, or a cycle"],
    ["depth that would overflow the stack", deep, "/0/0", "64 levels"],
    ["an escaped path", { "a/b~c": [1n] }, "/a~1b~0c/0", "bigint"],
  ])("refuses %s and says where", (_what, value, pointer, message) => {
    expect(() => toJsonText(value, "input")).toThrow(
      expect.objectContaining({
        code: "invalid_json",
        pointer: expect.stringContaining(pointer),
        message: expect.stringContaining(message),
      }),
    );
  });

  test("takes 64 levels and refuses the 65th", () => {
    const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);
    expect(toJsonText(nested(64), "input")).toContain("1");
    expect(() => toJsonText(nested(65), "input")).toThrow("64 levels");
  });
});

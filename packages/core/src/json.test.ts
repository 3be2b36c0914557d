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

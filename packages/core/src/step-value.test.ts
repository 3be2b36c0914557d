import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stepValue } from "../../../test/support/step-values.ts";
import { fromStepText, toStepText } from "./step-value.ts";

describe("what a step gives", () => {
  test("comes back equal, whatever it is", () => {
    fc.assert(
      fc.property(stepValue, (given) => {
        // Vitest looks at the prototype of what a dictionary gives, and at -0.
        expect(fromStepText(toStepText(given, "it"))).toEqual(given);
      }),
      { numRuns: 1000 },
    );
  });

  test("has text that is stable: what was read is written as it was", () => {
    fc.assert(
      fc.property(stepValue, (given) => {
        const written = toStepText(given, "it");
        expect(toStepText(fromStepText(written), "it")).toBe(written);
      }),
    );
  });

  test("is stored as itself where JSON has a form for it", () => {
    expect(toStepText({ seats: [1, 2], name: "Ada", ok: true, none: null }, "it")).toBe(
      '{"ok":true,"name":"Ada","none":null,"seats":[1,2]}',
    );
  });

  test("keeps bytes that are part of a larger buffer, and no others", () => {
    const part = new Uint8Array([1, 2, 3, 4]).subarray(1, 3);
    expect(fromStepText(toStepText(part, "it"))).toEqual(new Uint8Array([2, 3]));
  });

  const cycle: Record<string, unknown> = {};
  cycle["next"] = cycle;
  // oxlint-disable-next-line no-sparse-arrays
  const holes = [1, , 3];

  test.each<[string, unknown, string, string]>([
    ["a function", { run: () => 1 }, "/run", "a function cannot be stored"],
    ["a symbol", [Symbol("s")], "/0", "a symbol cannot be stored"],
    ["a key that is a symbol", { a: { [Symbol("s")]: 1 } }, "/a", "a symbol"],
    ["NaN", { a: [1, NaN] }, "/a/1", "NaN is not a JSON number"],
    ["infinity", new Map([["k", -Infinity]]), "/k", "-Infinity is not a JSON number"],
    ["an invalid date", { at: new Date(NaN) }, "/at", "the date is not valid"],
    ["a class", { deep: [new URL("https://millrace.test")] }, "/deep/0", "the class URL"],
    ["an error", new Set([new TypeError("x")]), "/0", "the class TypeError"],
    ["a regular expression", /x/, "", "the class RegExp"],
    ["a promise", { a: Promise.resolve(1) }, "/a", "await it first"],
    ["a Buffer", { file: Buffer.from("x") }, "/file", "return new Uint8Array(buffer)"],
    ["another view of bytes", new Float64Array(1), "", "the class Float64Array"],
    ["a list with holes", { a: holes }, "/a", "holes"],
    ["NUL", { a: "x\0" }, "/a", "NUL"],
    ["half a character", ["\ud800"], "/0", "surrogate"],
    ["a key with NUL", { "k\0": 1 }, "/k\0", "the key is not valid text"],
    ["a cycle", cycle, "/next/next/next/next/next/next/next/next/…", "or a cycle"],
  ])("that is %s is refused with its place", (_what, given, pointer, why) => {
    const refused = expect.objectContaining({
      code: "invalid_json",
      pointer,
      message: expect.stringContaining(why),
    });
    expect(() => toStepText(given, "step charge")).toThrow(refused);
    expect(() => toStepText(given, "step charge")).toThrow(/^step charge/);
  });
});

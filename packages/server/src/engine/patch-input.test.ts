import { type JsonPatch, JsonPatch as Schema } from "@millrace/core/api";
import fc from "fast-check";
import { expect, test } from "vitest";
import { patchInput } from "./patch-input.ts";

const patched = (input: string, ...patch: unknown[]) => patchInput(input, patch as JsonPatch);

test.each<[string, unknown[], string]>([
  ['{"a":1}', [{ op: "add", path: "/b", value: [2] }], '{"a":1,"b":[2]}'],
  ['{"a":1}', [{ op: "replace", path: "/a", value: null }], '{"a":null}'],
  ['{"a":1,"b":2}', [{ op: "remove", path: "/a" }], '{"b":2}'],
  ['{"a":1}', [{ op: "move", from: "/a", path: "/b" }], '{"b":1}'],
  ['{"a":{"x":1}}', [{ op: "copy", from: "/a", path: "/b" }], '{"a":{"x":1},"b":{"x":1}}'],
  ["[1,2]", [{ op: "add", path: "/1", value: 9 }], "[1,9,2]"],
  ["[1,2]", [{ op: "add", path: "/-", value: 9 }], "[1,2,9]"],
  ["[1,2]", [{ op: "add", path: "/2", value: 9 }], "[1,2,9]"],
  ['{"a/b":{"m~n":1}}', [{ op: "replace", path: "/a~1b/m~0n", value: 2 }], '{"a/b":{"m~n":2}}'],
  ["1", [{ op: "replace", path: "", value: { a: 1 } }], '{"a":1}'],
  ['{"":1}', [{ op: "replace", path: "/", value: 2 }], '{"":2}'],
  [
    '{"a":[1]}',
    [
      { op: "test", path: "/a", value: [1] },
      { op: "remove", path: "/a/0" },
    ],
    '{"a":[]}',
  ],
])("%s by %j is %s", (input, patch, expected) => {
  expect(Schema.safeParse(patch).success).toBe(true);
  expect(patched(input, ...patch)).toBe(expected);
});

test("numbers that JavaScript would round survive where they are not touched, and where they are moved", () => {
  const input =
    '{"id": 12345678901234567890, "price": 0.10000000000000000000001, "far": 1.50, "deep": [-9007199254740993], "s": "\\"12345678901234567890\\\\"}';
  const after = patched(
    input,
    { op: "add", path: "/new", value: 1.5 },
    { op: "move", from: "/deep", path: "/moved" },
    { op: "copy", from: "/id", path: "/again" },
  );
  expect(after).toContain('"id":12345678901234567890');
  expect(after).toContain('"again":12345678901234567890');
  expect(after).toContain('"price":0.10000000000000000000001');
  expect(after).toContain('"moved":[-9007199254740993]');
  expect(JSON.parse(after)).toMatchObject({ far: 1.5, s: '"12345678901234567890\\', new: 1.5 });
});

test("any input comes through a patch as it was", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const input = JSON.stringify({ value, kept: 1 });
      const after = patched(input, { op: "remove", path: "/kept" });
      expect(JSON.parse(after)).toEqual(JSON.parse(JSON.stringify({ value })));
    }),
  );
});

const add = (path: string, value: unknown = 1) => ({ op: "add", path, value });

test.each<[string, unknown, string, string]>([
  ['{"a":1}', { op: "test", path: "/a", value: 2 }, "is not what the test says", "/patch/0/value"],
  ['{"a":1}', { op: "test", path: "/b", value: 2 }, "there is no /b", "/patch/0/path"],
  ['{"a":1}', { op: "replace", path: "/b", value: 2 }, "there is no /b", "/patch/0/path"],
  ['{"a":1}', { op: "remove", path: "/b" }, "there is no /b", "/patch/0/path"],
  ['{"a":1}', { op: "remove", path: "" }, "removes the whole input", "/patch"],
  ['{"a":1}', { op: "move", from: "/b", path: "/c" }, "there is no /b", "/patch/0/from"],
  ['{"a":{}}', { op: "move", from: "/a", path: "/a/b" }, "cannot be done there", "/patch/0/path"],
  [
    '{"a":1}',
    { op: "copy", from: "/toString", path: "/c" },
    "there is no /toString",
    "/patch/0/from",
  ],
  ['{"a":"text"}', { op: "copy", from: "/a/length", path: "/c" }, "no /a/length", "/patch/0/from"],
  ['{"a":"text"}', add("/a/b"), "nothing that could hold /a/b", "/patch/0/path"],
  ['{"a":1}', add("/b/c"), "nothing that could hold /b/c", "/patch/0/path"],
  ["[1]", add("/3"), "no place in a list of 1", "/patch/0/path"],
  ["[1]", add("/0x"), "no place in a list of 1", "/patch/0/path"],
  ["[1]", add("/01"), "no place in a list of 1", "/patch/0/path"],
  ["[1]", add("/length"), "no place in a list of 1", "/patch/0/path"],
  ["[1]", { op: "replace", path: "/-", value: 1 }, "there is no /-", "/patch/0/path"],
  ["[1,[2]]", { op: "copy", from: "/0", path: "/1/9" }, "no place in a list", "/patch/0/path"],
  ["{}", add("/a", 2 ** 60), "beyond 2^53", "/patch/0/value"],
  ["{}", add("/a", { b: ["\u00001"] }), "NUL", "/patch/0/value"],
])("%s by %j is refused, with its place", (input, step, message, pointer) => {
  expect(() => patched(input, step)).toThrow(
    expect.objectContaining({
      code: "invalid_patch",
      pointer,
      message: expect.stringContaining(message),
    }),
  );
});

test("copies that double the input are stopped", () => {
  const doubling = Array.from({ length: 100 }, (_, n) => ({
    op: "copy",
    from: "",
    path: `/c${n}`,
  }));
  const since = performance.now();
  expect(() => patched(`{"a":"${"x".repeat(1000)}"}`, ...doubling)).toThrow("too large");
  expect(performance.now() - since).toBeLessThan(5000);
});

test("what reaches for a prototype is refused, and changes no object", () => {
  for (const path of ["/__proto__/x", "/a/constructor/prototype/x", "/constructor"]) {
    expect(Schema.safeParse([add(path)]).success).toBe(false);
  }
  expect(() => patched('{"a":{}}', add("/__proto__/x"))).toThrow("nothing that could hold");
  expect(() => patched('{"a":{}}', add("/a/constructor/prototype/x"))).toThrow("could hold");
  expect(({} as { x?: unknown }).x).toBeUndefined();
});

test.each([
  [[]],
  [Array.from({ length: 101 }, () => add("/a"))],
  [[{ op: "add", path: "a", value: 1 }]],
  [[{ op: "merge", path: "/a" }]],
  [[{ op: "add", path: "/a~2", value: 1 }]],
  [[{ op: "remove", path: "/a", value: 1 }]],
  [{ op: "remove", path: "/a" }],
])("%j is no patch", (patch) => {
  expect(Schema.safeParse(patch).success).toBe(false);
});

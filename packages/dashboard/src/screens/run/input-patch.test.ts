import { readExactJson } from "@millrace/core";
import { expect, test } from "vitest";
import { losesDigits, patchBetween } from "./input-patch.ts";

test.each([
  [
    '{"a":1,"b":{"c":[1,2]}}',
    '{"a":1,"b":{"c":[1,3]}}',
    [{ op: "replace", path: "/b/c/1", value: 3 }],
  ],
  [
    '{"a/b":1}',
    '{"c~d":1}',
    [
      { op: "remove", path: "/a~1b" },
      { op: "add", path: "/c~0d", value: 1 },
    ],
  ],
  ["[1]", "[1,2]", [{ op: "replace", path: "", value: [1, 2] }]],
  ["1", '{"a":null}', [{ op: "replace", path: "", value: { a: null } }]],
  ['{"a":[],"b":{}}', '{"b":{},"a":[]}', []],
])("from %s to %s only what differs is changed", (before, after, patch) => {
  expect(patchBetween(readExactJson(before), readExactJson(after))).toEqual(patch);
});

test("a long number that stays is not sent, and one that is changed is known to lose digits", () => {
  const before = readExactJson('{"id":9007199254740993,"n":1}');
  const small = patchBetween(before, readExactJson('{"id":9007199254740993,"n":2}'));
  expect(small).toEqual([{ op: "replace", path: "/n", value: 2 }]);
  expect(losesDigits(small)).toBe(false);
  expect(losesDigits(patchBetween(before, readExactJson('{"id":9007199254740995,"n":1}')))).toBe(
    true,
  );
});

import { expect, test } from "vitest";
import { searchablePaths } from "./searchable.ts";

function paths(searchable: unknown, subject: string[] | null = null): readonly string[] {
  return searchablePaths({ searchable: searchable as string[], subject }, "ship");
}

test("paths into the input are taken as they are", () => {
  expect(paths(undefined)).toEqual([]);
  expect(paths(["tenant", "order.id", "a.b.c.d.e.f.g.h"])).toHaveLength(3);
});

test.each([
  ["tenant", "it must be a list of paths"],
  [["order..id"], '"order..id" is not a path into the input'],
  [[""], "is not a path"],
  [[7], "7 is not a path"],
  [["$sealed"], '"$sealed" is not a path'],
  [["a b"], '"a b" is not a path'],
  [["a.b.c.d.e.f.g.h.i"], "is not a path"],
  [[`a${"b".repeat(100)}`], "is not a path"],
  [["tenant", "tenant"], '"tenant" stands there twice'],
  ["abcdefghi".split(""), "there are 9 paths, and may be 8"],
  [["customer.apiKey"], 'what lies under "apiKey" is kept out of logs'],
  [["auth_token"], 'what lies under "auth_token" is kept out of logs'],
])("%j is refused, and it is said why", (searchable, why) => {
  expect(() => paths(searchable)).toThrow("job ship: searchable: ");
  expect(() => paths(searchable)).toThrow(why);
});

test("a job whose input is encrypted under its subject has none, for a mark would outlive the erasure", () => {
  expect(() => paths(["tenant"], ["customerId"])).toThrow("would outlive an erasure");
  expect(paths([], ["customerId"])).toEqual([]);
});

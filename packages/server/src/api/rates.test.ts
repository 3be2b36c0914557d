import { expect, test } from "vitest";
import { Buckets, WrongKeys } from "./rates.ts";

function stand(perSecond: number, size: number) {
  let now = 0;
  const buckets = new Buckets(perSecond, size, () => now);
  return {
    buckets,
    pass(ms: number) {
      now += ms;
    },
    /** How many are taken of so many that are tried. */
    taken: (name: string, tries: number) =>
      Array.from({ length: tries }, () => buckets.take(name)).filter(Boolean).length,
  };
}

test("a bucket gives what is in it, and what has come back, and no more than it holds", () => {
  const { buckets, pass, taken } = stand(10, 3);
  expect(taken("a", 5)).toBe(3);
  expect(taken("b", 5)).toBe(3);
  pass(250);
  expect(buckets.left("a")).toBe(2);
  expect(taken("a", 5)).toBe(2);
  pass(50);
  // Half a token was left over.
  expect(taken("a", 5)).toBe(1);
  pass(3_600_000);
  expect(taken("a", 5)).toBe(3);
});

test("names that strangers make up do not fill the memory, and push out those of whom nobody has heard for longest", () => {
  const { taken } = stand(0.001, 1);
  expect(taken("first", 2)).toBe(1);
  expect(taken("busy", 1)).toBe(1);
  for (let n = 0; n < 9_999; n++) {
    taken(`stranger ${n}`, 1);
    expect(taken("busy", 1)).toBe(0);
  }
  expect(taken("first", 1)).toBe(1);
});

test("an address that has sent too many wrong keys is refused until some time has passed", () => {
  const { buckets, pass } = stand(10, 2);
  const wrong = new WrongKeys(buckets);
  const refused = (address: string) => {
    try {
      wrong.refuseGuesser(address);
      return false;
    } catch {
      return true;
    }
  };
  for (let n = 0; n < 2; n++) {
    expect(refused("10.0.0.1")).toBe(false);
    wrong.note("10.0.0.1");
  }
  expect([refused("10.0.0.1"), refused("10.0.0.2")]).toEqual([true, false]);
  pass(100);
  expect(refused("10.0.0.1")).toBe(false);
});

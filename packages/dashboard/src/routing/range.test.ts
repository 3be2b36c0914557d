import { expect, test } from "vitest";
import { type Range, beforeOf, boundsOf, inAddress, moved, rangeOf } from "./range.ts";

const NOW = Date.parse("2027-03-01T12:00:00Z");
const HOUR = 3_600_000;

test("a range is written into the address, and read from it", () => {
  for (const range of [{ preset: "6h" }, { from: NOW - HOUR, to: NOW }] satisfies Range[]) {
    const written = Object.entries(inAddress(range)).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    );
    expect(rangeOf(new URLSearchParams(written))).toEqual(range);
  }
});

test.each([
  ...["", "range=2h", "from=x&to=y", "from=2027-03-01", "from=2027-03-02&to=2027-03-01"],
  ...["from=NaN&to=NaN", "from=-1&to=1", "from=2027-03-01&to=2027-03-01", "from=Infinity&to=1"],
  "from=-271821-04-20T00:00:00Z&to=2027-03-01",
  "from=2027-03-01&to=%2B275760-09-13T00:00:00Z",
  "from=1969-12-31&to=2027-03-01",
])("what is no range is none: %s", (text) =>
  expect(rangeOf(new URLSearchParams(text))).toBeUndefined(),
);

test("where a list begins is read from the address, and another range begins at its end", () => {
  expect(beforeOf(new URLSearchParams("before=2027-03-01T12:00:00Z"))).toBe(NOW);
  expect(beforeOf(new URLSearchParams("before=yesterday"))).toBeUndefined();
  expect(beforeOf(new URLSearchParams())).toBeUndefined();
  expect(inAddress({ preset: "6h" })).toHaveProperty("before", undefined);
});

test("a range moves by its own length, and back to one that goes on with the time", () => {
  const before = moved({ preset: "1h" }, -1, NOW);
  expect(before).toEqual({ from: NOW - 2 * HOUR, to: NOW - HOUR });
  expect(moved(before, -1, NOW)).toEqual({ from: NOW - 3 * HOUR, to: NOW - 2 * HOUR });
  expect(moved(before, 1, NOW)).toEqual({ preset: "1h" });
  expect(moved(before, 1, NOW + 60_000), "somebody has looked for a minute").toEqual({
    preset: "1h",
  });
  const odd = { from: NOW - 3 * HOUR, to: NOW - HOUR };
  expect(boundsOf(moved(odd, 1, NOW), NOW)).toEqual({ from: NOW - 2 * HOUR, to: NOW });
  expect(moved({ preset: "7d" }, 1, NOW)).toEqual({ preset: "7d" });
});

test("a range of all times is moved to no instant that nobody can tell", () => {
  const all = rangeOf(new URLSearchParams("from=1970-01-01&to=9999-12-31"))!;
  for (const [by, times] of [
    [-1, 3],
    [1, 3],
  ] as const) {
    let range = all;
    for (let n = 0; n < times; n++) {
      range = moved(range, by, NOW);
      const { from, to } = boundsOf(range, NOW);
      expect(from).toBeGreaterThanOrEqual(0);
      expect(from).toBeLessThan(to);
      expect(() => inAddress(range)).not.toThrow();
    }
  }
});

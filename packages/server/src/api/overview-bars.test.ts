import { describe, expect, test } from "vitest";
import { barsOf } from "./overview-bars.ts";

const NOW = new Date("2027-03-01T12:00:30Z");
const HOUR = 3_600_000;
const ago = (hours: number) => new Date(NOW.getTime() - hours * HOUR).toISOString();

describe("the bars of a range of one's own", () => {
  test.each([
    [1, 0, 60, "minutes"],
    [5, 4, 60, "minutes"],
    [24, 0, 900, "minutes"],
    [30, 29, 3600, "hours"],
    [31 * 24, 0, 28_800, "hours"],
  ] as const)("from %d h to %d h ago", (since, until, seconds, source) => {
    const bars = barsOf({ since: ago(since), until: ago(until) }, NOW);
    expect(bars).toMatchObject({ range: null, seconds, source });
    expect(bars.count).toBeLessThanOrEqual(100);
    const [first, width] = [bars.from.getTime(), seconds * 1000];
    expect(first % width, "they begin where minutes and hours do").toBe(0);
    expect(first).toBeLessThanOrEqual(Date.parse(ago(since)));
    expect(first + bars.count * width).toBeGreaterThanOrEqual(Date.parse(ago(until)));
    expect(first + (bars.count - 1) * width).toBeLessThan(Date.parse(ago(until)));
  });

  test("of what is not kept any more there are few, however far back it is asked", () => {
    const bars = barsOf({ since: "1970-01-01T00:00:00Z", until: ago(0) }, NOW);
    expect(bars.count).toBeLessThanOrEqual(100);
    expect(bars.from.getTime()).toBeGreaterThan(NOW.getTime() - 32 * 24 * HOUR);
    const before = barsOf({ since: ago(9000), until: ago(8999) }, NOW);
    expect(before.count).toBeLessThanOrEqual(2);
    expect(before.from < before.keptSince).toBe(true);
  });

  test.each([
    { since: ago(1) },
    { until: ago(1) },
    { since: ago(1), until: ago(2) },
    { since: ago(-1), until: ago(-2) },
    { range: "1h" as const, since: ago(2), until: ago(1) },
  ])("what is none is refused: %o", (asked) => {
    expect(() => barsOf(asked, NOW)).toThrow(/since/);
  });
});

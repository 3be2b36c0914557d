import { describe, expect, test } from "vitest";
import { cutoffs, horizon, spanDays } from "../../packages/server/src/maintenance/retention.ts";
import { firstId, partsOf } from "../../packages/server/src/maintenance/history-parts.ts";

const DAY_MS = 86_400_000;
const NOW = new Date("2031-06-18T00:00:00Z");

function ago(days: number): Date {
  return new Date(NOW.getTime() - days * DAY_MS);
}

describe("how long", () => {
  test.each<[days: number, own: number | null, span: number]>([
    [7, null, 1],
    [14, null, 1],
    [15, null, 7],
    [90, null, 7],
    [90, 3, 7],
    [90, 365, 28],
    [90, Infinity, 28],
    [Infinity, null, 28],
  ])("a retention of %s days and a job with %s makes partitions of %s days", (days, own, span) => {
    const jobs = [{ name: "a", retention_ms: own === null ? null : own * DAY_MS }];
    expect(spanDays({ defaultMs: days * DAY_MS, jobs })).toBe(span);
  });

  test("a job that keeps runs for less cannot wait for the partition, the others can for its width", () => {
    const jobs = [
      { name: "brief", retention_ms: 3 * DAY_MS },
      { name: "long", retention_ms: 400 * DAY_MS },
      { name: "eternal", retention_ms: Infinity },
      { name: "silent", retention_ms: null },
    ];
    const cut = cutoffs({ defaultMs: 90 * DAY_MS, jobs }, NOW, 28 * DAY_MS);
    expect(cut).toEqual({
      jobs: ["brief", "long", "eternal"],
      mayGo: [ago(3), ago(400), null],
      mustGo: [ago(3), ago(428), null],
      otherMayGo: ago(90),
      otherMustGo: ago(118),
    });
    expect(horizon({ defaultMs: 90 * DAY_MS, jobs }, NOW)).toEqual(ago(3));
    expect(horizon({ defaultMs: Infinity, jobs: [] }, NOW)).toBeNull();
  });
});

test("the parts of the history are the partitions of run and the gaps between them, up to the horizon", () => {
  const run = (from: number, to: number) => ({
    parent: "run" as const,
    name: `run_${from}`,
    from_at: ago(from),
    to_at: ago(to),
    bytes: 1,
  });
  const log = { ...run(30, 20), parent: "log" as const };
  const parts = partsOf([log, run(9, 8), run(8, 7), run(3, 2)], ago(5));
  expect(parts.map(({ from, to, name }) => [from, to, name])).toEqual([
    [new Date(0), ago(9), undefined],
    [ago(9), ago(8), "run_9"],
    [ago(8), ago(7), "run_8"],
    [ago(7), ago(3), undefined],
  ]);
  expect(partsOf([run(9, 8)], ago(5)).at(-1)).toMatchObject({ from: ago(8), to: ago(5) });
  expect(partsOf([], ago(5))).toMatchObject([{ from: new Date(0), to: ago(5) }]);
});

test("the least id of an instant is below every id of its millisecond", () => {
  expect(firstId(new Date(0))).toBe("00000000-0000-0000-0000-000000000000");
  expect(firstId(new Date(0x0123_4567_89ab))).toBe("01234567-89ab-0000-0000-000000000000");
});

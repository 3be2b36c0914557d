import { expect, test } from "vitest";
import type { PartRow } from "../../store/retention.ts";
import { outlook } from "./outlook.ts";

const DAY = 86_400_000;
const NOW = new Date("2026-06-11T00:00:00Z");

const day = (n: number) => new Date(NOW.getTime() + n * DAY);

/** A partition of a day, `n` days from now. */
function part(n: number, rows: number, bytes = rows * 100, parent: PartRow["parent"] = "run") {
  return { parent, from_at: day(n), to_at: day(n + 1), rows, bytes };
}

const TEN_DAYS = [-10, -9, -8, -7, -6, -5, -4, -3, -2, -1].map((n) => part(n, 1000));

test("the rate is what the last week's partitions hold, over their time", () => {
  const kept = { runsMs: 30 * DAY, logsMs: Infinity };
  const { runs, bytes, perDay } = outlook(TEN_DAYS, { kept, now: NOW, oldest: day(-10) });
  expect({ runs, bytes }).toEqual({ runs: 10_000, bytes: 1_000_000 });
  expect(perDay).toEqual({ runs: 1000, bytes: 100_000 });
});

test("history grows until its retention is reached, and then stays as it is", () => {
  const kept = { runsMs: 14 * DAY, logsMs: Infinity };
  const { forecast } = outlook(TEN_DAYS, { kept, now: NOW, oldest: day(-10) });
  // After 7 days the first three partitions are 14 days over; then come 14 days' worth, however long one waits.
  expect(forecast.map(({ runs }) => runs)).toEqual([7000 + 7000, 14_000, 14_000, 14_000]);
  expect(forecast[0]!.at).toEqual(day(7));
});

test("what is kept for ever grows on, and nothing goes", () => {
  const kept = { runsMs: Infinity, logsMs: Infinity };
  const { forecast, next } = outlook(TEN_DAYS, { kept, now: NOW, oldest: day(-10) });
  expect(forecast.at(-1)!.runs).toBe(10_000 + 365_000);
  expect(next!.goesAt).toBeNull();
});

test("the next to go is the oldest partition that may hold a run, with what belongs to its runs", () => {
  const kept = { runsMs: 30 * DAY, logsMs: Infinity };
  const parts = [part(-12, 0, 8192), ...TEN_DAYS, part(-10, 5000, 700, "log")];
  const { next } = outlook(parts, { kept, now: NOW, oldest: day(-9.5) });
  expect(next).toEqual({
    ...{ from: day(-10), until: day(-9), goesAt: day(21) },
    ...{ runs: 1000, bytes: 100_700 },
  });
});

test("logs that are kept for less go before their runs", () => {
  const parts = [part(-9, 10, 1000), part(-9, 99, 5000, "log"), part(-1, 0, 0)];
  const kept = { runsMs: 90 * DAY, logsMs: 10 * DAY };
  const { forecast } = outlook(parts, { kept, now: NOW, oldest: day(-9) });
  expect(forecast[0]).toMatchObject({ runs: 10, bytes: 1000 });
});

test("less than an hour, or nothing, tells no rate and no forecast", () => {
  const kept = { runsMs: 30 * DAY, logsMs: Infinity };
  const young = { kept, now: NOW, oldest: new Date(NOW.getTime() - 1000) };
  for (const told of [outlook(TEN_DAYS, young), outlook([], { ...young, oldest: undefined })]) {
    expect(told.perDay).toBeNull();
    expect(told.forecast).toEqual([]);
  }
});

test("what is in a default partition is counted, and is expected to stay", () => {
  const stray = { parent: "run", from_at: null, to_at: null, rows: 5, bytes: 50 } as const;
  const kept = { runsMs: DAY, logsMs: Infinity };
  const { runs, forecast } = outlook([...TEN_DAYS, stray], { kept, now: NOW, oldest: day(-10) });
  expect(runs).toBe(10_005);
  expect(forecast.at(-1)!.runs).toBe(1005);
});

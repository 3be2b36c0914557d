import { expect, test } from "vitest";
import { shareByVersion, spread } from "./last-runs.ts";

test("the spread of times is by rank, and of none there is none", () => {
  const times = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(spread(times)).toEqual({ p50: 50, p95: 95, p99: 99 });
  expect(spread([7, undefined])).toEqual({ p50: 7, p95: 7, p99: 7 });
  expect(spread([undefined])).toBeUndefined();
});

test("success is counted by version, of what has ended by itself", () => {
  const runs = [
    { state: "running", version: "2" },
    { state: "failed", version: "2" },
    { state: "completed", version: "2" },
    { state: "cancelled", version: "1" },
    { state: "completed", version: null },
  ] as const;
  expect(shareByVersion(runs)).toEqual([
    { version: "2", ended: 2, completed: 1 },
    { version: null, ended: 1, completed: 1 },
  ]);
});

import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Profiler } from "node:inspector";
import { expect, test } from "vitest";
import { sampleOf } from "./stack-sample.ts";

const folder = path.resolve("/srv/app");
const urlOf = (file: string) => pathToFileURL(path.join(folder, file)).href;

function node(
  id: number,
  functionName: string,
  hitCount: number,
  children: number[] = [],
  url = "",
): Profiler.ProfileNode {
  const callFrame = { functionName, scriptId: "1", url, lineNumber: 9, columnNumber: 0 };
  return { id, callFrame, hitCount, children };
}

const profileOf = (nodes: Profiler.ProfileNode[]): Profiler.Profile => ({
  ...{ nodes, startTime: 0, endTime: 1 },
});

test("time is told by what it went to, and stacks by the share of their innermost function", () => {
  const profile = profileOf([
    node(1, "(root)", 0, [2, 3, 4, 5]),
    node(2, "(idle)", 50),
    node(3, "(garbage collector)", 5),
    node(4, "(program)", 5),
    node(5, "handle", 10, [6], urlOf("src/jobs/report.ts")),
    node(6, "", 30, [7], "node:internal/timers"),
    node(7, "never", 0, [], urlOf("src/jobs/report.ts")),
  ]);
  expect(sampleOf(profile, 1019.4, folder)).toEqual({
    ...{ ms: 1019, answered: true },
    shares: { code: 0.4, idle: 0.5, collecting: 0.05, native: 0.05 },
    stacks: [
      {
        share: 0.3,
        frames: [
          { function: "(anonymous)", place: "node:internal/timers:10" },
          { function: "handle", place: "src/jobs/report.ts:10" },
        ],
      },
      { share: 0.1, frames: [{ function: "handle", place: "src/jobs/report.ts:10" }] },
    ],
  });
});

test("however deep and wide code is, what is kept of it is bounded", () => {
  const deep = Array.from({ length: 500 }, (_, n) =>
    node(n + 2, "f".repeat(1000), n, n < 499 ? [n + 3] : [], urlOf("x".repeat(1000))),
  );
  const sample = sampleOf(profileOf([node(1, "(root)", 0, [2]), ...deep]), 1000, folder);
  expect(sample.stacks).toHaveLength(20);
  expect(sample.stacks.every(({ frames }) => frames.length <= 12)).toBe(true);
  expect(JSON.stringify(sample).length).toBeLessThan(80_000);
});

test("of nothing there is nothing", () => {
  expect(sampleOf(profileOf([node(1, "(root)", 0)]), 1000, undefined)).toMatchObject({
    ...{ shares: { code: 0, idle: 0 }, stacks: [] },
  });
});

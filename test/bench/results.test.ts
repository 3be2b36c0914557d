import { expect, test } from "vitest";
import { judge } from "../../bench/goals.ts";
import { readOptions } from "../../bench/options.ts";
import { asJson } from "../../bench/report/json.ts";
import { asMarkdown } from "../../bench/report/markdown.ts";
import { asSvg } from "../../bench/report/svg.ts";
import { Results, percentile } from "../../bench/results.ts";

function measured(figures: Record<string, number[]>, workload = "process", unit = "runs/s") {
  const results = new Results();
  for (const [subject, values] of Object.entries(figures)) {
    for (const value of values) results.add(workload, subject, value, unit);
  }
  return results;
}

test("a ratio is that of rounds which were measured in the same minute", () => {
  // The machine was half as quick in the second round: for both.
  const results = measured({ millrace: [300, 150, 330], "pg-boss": [100, 50, 110] });
  const [verdict] = judge(results);
  expect(verdict).toEqual({
    goal: "process: at least 3 times of the best peer that keeps results",
    reached: "3 times of pg-boss",
    met: true,
  });
});

test("a peer that keeps no results is no measure for one that does", () => {
  const results = measured({ millrace: [300], "graphile-worker": [200], celery: [10] });
  expect(judge(results).map(({ reached, met }) => ({ reached, met }))).toEqual([
    { reached: "30 times of celery", met: true },
    { reached: "1.5 times", met: false },
    { reached: "30 times", met: true },
  ]);
});

test("processing is held to half of the limit's cycle by itself, and to the whole of it", () => {
  const results = measured({ millrace: [50], limit: [200] });
  results.add("steady", "limit", 100, "runs/s");
  expect(judge(results)).toEqual([
    { goal: "process: at least 60 % of the limit", reached: "25 %", met: false },
    {
      goal: "process: at least 40 % of the limit's cycle of an insert and an update",
      reached: "50 %",
      met: true,
    },
  ]);
});

test("a goal whose workload was not measured is not judged", () => {
  expect(judge(measured({ "pg-boss": [100] }))).toEqual([]);
});

test("JSON has median, least, most and unit of each subject", () => {
  const results = measured({ millrace: [3, 1, 2] }, "memory-idle", "MB");
  expect(asJson(results)).toEqual({
    "memory-idle": { millrace: { median: 2, min: 1, max: 3, unit: "MB" } },
  });
});

test("the table and the chart show every subject that was measured", () => {
  const results = measured({ millrace: [3000], limit: [5000] });
  const markdown = asMarkdown(results, ["a machine"], judge(results));
  expect(markdown).toContain("| workload | millrace | limit |");
  expect(markdown).toContain("| process, runs/s | 3,000<br>3,000–3,000 | 5,000<br>5,000–5,000 |");
  expect(asSvg(results)).toMatch(/millrace[\s\S]*3,000[\s\S]*limit[\s\S]*5,000/);
});

test("a percentile lies between its neighbours", () => {
  expect(percentile([4, 1, 3, 2], 50)).toBe(2.5);
  expect(percentile([1], 99)).toBe(1);
});

test("an option that does not fit is refused by name, and a name that is unknown with those that are", () => {
  expect(() => readOptions(["--only", "proces"])).toThrow(/there is no proces; there are enqueue,/);
  expect(() => readOptions(["--rounds", "0"])).toThrow("--rounds: 0 is not a number above 0");
  expect(() => readOptions(["--quick", "--full"])).toThrow("exclude each other");
  expect(readOptions(["--only", "process", "--subjects", "limit"])).toMatchObject({
    workloads: [{ name: "process" }],
    subjects: [{ name: "limit" }],
  });
});

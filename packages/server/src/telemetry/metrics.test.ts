import { expect, test } from "vitest";
import { BoundedLabel, Counter, Gauge, Histogram, Registry } from "./metrics.ts";

test("the text is what Prometheus reads: help, type, and a line for each series", async () => {
  const registry = new Registry();
  const registers = [registry];
  const runs = new Counter({
    name: "runs_total",
    help: "Runs\nall",
    labelNames: ["job_name"],
    registers,
  });
  runs.inc({ job_name: "report" });
  runs.inc({ job_name: "report" }, 2);
  runs.inc({ job_name: 'a"b\\c\nd' });
  const depth: Gauge = new Gauge({
    name: "depth",
    help: "Depth",
    registers,
    collect: () => depth.set({}, 7.5),
  });
  new Counter({ name: "unused_total", help: "Never counted", registers });
  expect(await registry.metrics()).toBe(
    [
      "# HELP runs_total Runs\\nall",
      "# TYPE runs_total counter",
      'runs_total{job_name="report"} 3',
      'runs_total{job_name="a\\"b\\\\c\\nd"} 1',
      "# HELP depth Depth",
      "# TYPE depth gauge",
      "depth 7.5",
      "# HELP unused_total Never counted",
      "# TYPE unused_total counter",
      "unused_total 0",
      "",
    ].join("\n"),
  );
});

test("a histogram's buckets are cumulative, and a value on a bound is within it", async () => {
  const registry = new Registry();
  const took = new Histogram({
    name: "took_seconds",
    help: "Took",
    labelNames: ["route"],
    buckets: [0.1, 1],
    registers: [registry],
  });
  for (const value of [0.1, 0.5, 1, 3]) took.observe({ route: "/a" }, value);
  expect((await registry.metrics()).split("\n").slice(2, -1)).toEqual([
    'took_seconds_bucket{route="/a",le="0.1"} 1',
    'took_seconds_bucket{route="/a",le="1"} 3',
    'took_seconds_bucket{route="/a",le="+Inf"} 4',
    'took_seconds_sum{route="/a"} 4.6',
    'took_seconds_count{route="/a"} 4',
  ]);
});

test("two metrics of one name are refused, as is a name that Prometheus cannot read", () => {
  const registers = [new Registry()];
  new Counter({ name: "one_total", help: "", registers });
  expect(() => new Gauge({ name: "one_total", help: "", registers })).toThrow("one_total");
  expect(() => new Gauge({ name: "one-two", help: "", registers })).toThrow("one-two");
});

test("a label with too many values ends in other, and those that were known stay", () => {
  const label = new BoundedLabel(2);
  expect(["a", "b", "c", "a", "d"].map((value) => label.of(value))).toEqual([
    "a",
    "b",
    "other",
    "a",
    "other",
  ]);
});

test("labels that Prometheus sets itself are refused: ours would be put aside", () => {
  for (const label of ["job", "instance"]) {
    const options = {
      name: "a_total",
      help: "A",
      labelNames: [label],
      registers: [new Registry()],
    };
    expect(() => new Counter(options)).toThrow(`the label ${label} is Prometheus's own`);
  }
});

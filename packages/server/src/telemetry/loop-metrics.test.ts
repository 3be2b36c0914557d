import { expect, test } from "vitest";
import { Loop } from "../runtime/loop.ts";
import { createLogger } from "./logger.ts";
import { LoopMetrics } from "./loop-metrics.ts";
import { Registry } from "./metrics.ts";

test("a loop is told of by what of it has failed, and by when it succeeded last", async () => {
  const registry = new Registry();
  const metrics = new LoopMetrics(registry);
  let turns = 0;
  let onThird = () => {};
  const third = new Promise<void>((resolve) => {
    onThird = resolve;
  });
  const turn = async () => {
    if (++turns < 3) throw new Error("not yet");
    if (turns === 4) onThird();
    return 0;
  };
  const loop = new Loop("reaper", turn, createLogger("silent"));
  metrics.watch(loop);
  expect(await registry.metrics()).not.toContain("last_success_timestamp_seconds{");
  const begun = Date.now() / 1000;
  await loop.start();
  await third;
  await loop.stop();
  // Twice, for a counter counts on.
  await registry.metrics();
  const text = await registry.metrics();
  expect(text).toContain('millrace_loop_failures_total{loop="reaper"} 2\n');
  const at = /last_success_timestamp_seconds\{loop="reaper"\} (\S+)/.exec(text)![1];
  expect(Number(at)).toBeGreaterThanOrEqual(begun);
  expect(Number(at)).toBeLessThanOrEqual(Date.now() / 1000);
});

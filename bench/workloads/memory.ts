import { setTimeout as pause } from "node:timers/promises";
import type { Bench } from "../bench.ts";

const MB = 1024 * 1024;

/** Resident memory of a worker that waits, and its highest while it processes. */
export async function memory(bench: Bench): Promise<void> {
  const contenders = await bench.open(bench.subjects(({ name }) => name !== "limit"));
  await bench.rounds("memory", contenders, async (contender, runs, record) => {
    await contender.call("work");
    await pause(500);
    const idle = contender.memory();
    await contender.rest();
    await contender.enqueue(runs);
    let busy = idle;
    const watch = setInterval(() => {
      busy = Math.max(busy ?? 0, contender.memory() ?? 0);
    }, 20);
    const { perSecond } = await contender.process(runs).finally(() => clearInterval(watch));
    if (record && idle !== null && busy !== null) {
      bench.results.add("memory-idle", contender.name, idle / MB, "MB");
      bench.results.add("memory-busy", contender.name, busy / MB, "MB");
    }
    return perSecond;
  });
}

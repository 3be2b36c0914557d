import type { Loop } from "../runtime/loop.ts";
import { Counter, Gauge, type Registry } from "./metrics.ts";

/** What the loops of this process do, the reaper's and the scheduler's among them: whether their turns succeed, and when one did last. */
export class LoopMetrics {
  readonly #loops: { loop: Loop; counted: number }[] = [];

  constructor(registry: Registry) {
    const registers = [registry];
    const failures: Counter<"loop"> = new Counter({
      name: "millrace_loop_failures_total",
      help: "Turns of a loop of this process that failed",
      labelNames: ["loop"],
      registers,
      collect: () => {
        for (const watched of this.#loops) {
          const { name, turns } = watched.loop;
          failures.inc({ loop: name }, turns.failed - watched.counted);
          watched.counted = turns.failed;
        }
      },
    });
    const turned: Gauge<"loop"> = new Gauge({
      name: "millrace_loop_last_success_timestamp_seconds",
      help: "When a turn of a loop of this process succeeded last, Unix time",
      labelNames: ["loop"],
      registers,
      collect: () => {
        for (const { loop } of this.#loops) {
          const { succeededAt } = loop.turns;
          if (succeededAt !== undefined) turned.set({ loop: loop.name }, succeededAt / 1000);
        }
      },
    });
  }

  watch(loop: Loop): void {
    this.#loops.push({ loop, counted: 0 });
  }
}

import { monitorEventLoopDelay } from "node:perf_hooks";
import { Counter, Gauge, type Registry } from "./metrics.ts";

/** The histogram records the time between two ticks of a timer: the delay is what exceeds this. */
const RESOLUTION_MS = 20;

/**
 * Memory, CPU, age and event loop delay of this process, under the names that dashboards for Node.js know.
 *
 * @returns ends the measuring
 */
export function measureProcess(registry: Registry): () => void {
  const registers = [registry];
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();

  const gauge = (name: string, help: string, read: () => number) => {
    const metric: Gauge = new Gauge({
      name,
      help,
      registers,
      collect: () => metric.set({}, read()),
    });
  };
  gauge("process_resident_memory_bytes", "Memory that the process holds", () =>
    process.memoryUsage.rss(),
  );
  gauge(
    "nodejs_heap_size_used_bytes",
    "Memory that JavaScript objects take",
    () => process.memoryUsage().heapUsed,
  );
  gauge("process_start_time_seconds", "When the process started, Unix time", () =>
    Math.round(Date.now() / 1000 - process.uptime()),
  );

  let counted = 0;
  const cpu: Counter = new Counter({
    name: "process_cpu_seconds_total",
    help: "CPU time, user and system",
    registers,
    collect: () => {
      const { user, system } = process.cpuUsage();
      const used = (user + system) / 1e6;
      cpu.inc({}, used - counted);
      counted = used;
    },
  });

  const lag = new Gauge({
    name: "nodejs_eventloop_lag_seconds",
    help: "Delay of the event loop since the last scrape",
    labelNames: ["percentile"],
    registers,
    collect: () => {
      for (const percentile of [50, 99]) {
        lag.set({ percentile }, seconds(delay.percentile(percentile)));
      }
      lag.set({ percentile: 100 }, seconds(delay.max));
      delay.reset();
    },
  });
  return () => delay.disable();
}

/** It says NaN or nothing before its first sample. */
function seconds(nanoseconds: number): number {
  const lag = nanoseconds - RESOLUTION_MS * 1e6;
  return lag > 0 ? lag / 1e9 : 0;
}

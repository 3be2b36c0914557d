import type { Database } from "../store/database.ts";
import { readDepths } from "../store/queue-depths.ts";
import { Gauge, MAX_NAMES, type Registry } from "../telemetry/metrics.ts";
import { countingOf } from "./counting.ts";

/** What waits in each queue, counted when somebody asks. */
export function measureQueues(registry: Registry, db: Database): void {
  const registers = [registry];
  const counted = countingOf(db, (tx) => readDepths(tx, MAX_NAMES));
  const gauge = (name: string, help: string) =>
    new Gauge({ name, help, labelNames: ["queue"], registers });
  const oldest = gauge(
    "millrace_queue_oldest_seconds",
    "How long the oldest run of a queue that may start, or is held back, has waited",
  );
  const paused = gauge("millrace_queue_paused", "1 for a queue that is paused");
  const workers = gauge("millrace_queue_workers", "Living workers that take from a queue");
  const runs = new Gauge({
    name: "millrace_queue_runs",
    help: "Runs of a queue that may start now, and that a limit, a rate, a pause or an unfilled batch holds back",
    labelNames: ["queue", "state"],
    registers,
    collect: async () => {
      const depths = (await counted.read().catch(() => null)) ?? [];
      for (const metric of [runs, oldest, paused, workers]) metric.reset();
      for (const { name: queue, ready, held, oldest_seconds: seconds, ...row } of depths) {
        runs.set({ queue, state: "ready" }, ready);
        runs.set({ queue, state: "held" }, held);
        oldest.set({ queue }, seconds);
        paused.set({ queue }, row.paused ? 1 : 0);
        workers.set({ queue }, row.workers);
      }
    },
  });
}

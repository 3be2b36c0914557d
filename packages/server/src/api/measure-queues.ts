import { outlookOf } from "@millrace/core";
import { samplesOf } from "../engine/queue-outlook.ts";
import type { Database } from "../store/database.ts";
import { type QueueSampleRow, readQueueSamples } from "../store/queue-samples.ts";
import { type DepthRow, readDepths } from "../store/queue-depths.ts";
import { Gauge, MAX_NAMES, type Registry } from "../telemetry/metrics.ts";
import { countingOf } from "./counting.ts";

/** What waits in each queue, counted when somebody asks. */
export function measureQueues(registry: Registry, db: Database): void {
  const registers = [registry];
  const counted = countingOf(db, async (tx) => {
    const [depths, samples] = await Promise.all([readDepths(tx, MAX_NAMES), readQueueSamples(tx)]);
    return { depths, samples };
  });
  const gauge = (name: string, help: string) =>
    new Gauge({ name, help, labelNames: ["queue"], registers });
  const oldest = gauge(
    "millrace_queue_oldest_seconds",
    "How long the oldest run of a queue that may start, or is held back, has waited",
  );
  const paused = gauge("millrace_queue_paused", "1 for a queue that is paused");
  const drained = gauge(
    "millrace_queue_drained",
    "1 for a queue that takes no new runs, because it is drained",
  );
  const workers = gauge("millrace_queue_workers", "Living workers that take from a queue");
  const drain = gauge(
    "millrace_queue_drain_seconds",
    "In how many seconds what waits in a queue will have started, +Inf where it will not; absent where nothing waits and where that is not known",
  );
  const runs = new Gauge({
    name: "millrace_queue_runs",
    help: "Runs of a queue that may start now, and that a limit, a rate, a pause or an unfilled batch holds back",
    labelNames: ["queue", "state"],
    registers,
    collect: async () => {
      const read = await counted.read().catch(() => null);
      const { depths, samples } = read ?? { depths: [], samples: [] };
      for (const metric of [runs, oldest, paused, drained, workers, drain]) metric.reset();
      for (const { name: queue, ready, held, oldest_seconds: seconds, ...row } of depths) {
        runs.set({ queue, state: "ready" }, ready);
        runs.set({ queue, state: "held" }, held);
        oldest.set({ queue }, seconds);
        paused.set({ queue }, row.paused ? 1 : 0);
        drained.set({ queue }, row.drained ? 1 : 0);
        workers.set({ queue }, row.workers);
        const drains = drainSeconds({ name: queue, ready, held, ...row }, samples);
        if (drains !== undefined) drain.set({ queue }, drains);
      }
    },
  });
}

function drainSeconds(
  row: Pick<DepthRow, "name" | "ready" | "held" | "paused" | "workers">,
  samples: readonly QueueSampleRow[],
): number | undefined {
  const [first] = samples;
  if (!first) return undefined;
  const at = first.now.getTime();
  const now = { at, ...row, running: 0, slots: 0, alone: false, limit: null };
  const { verdict, seconds } = outlookOf({ ...now, rated: false }, samplesOf(row.name, samples));
  return verdict === "grows" ? Infinity : (seconds ?? undefined);
}

import { type QueueScaling, ReadScaling, Scaling } from "@millrace/core/api";
import type { LoadMeter, MeasuredLoad } from "../../engine/load-meter.ts";
import { wantedTogether } from "../../engine/load-meter.ts";
import { Gauge, MAX_NAMES, type Registry } from "../../telemetry/metrics.ts";
import type { Api } from "../route.ts";

export function scalingRoute(app: Api, meter: LoadMeter): void {
  app.get(
    "/api/v1/scaling",
    {
      schema: {
        tags: ["workers"],
        operationId: "readScaling",
        permission: "read",
        scope: "own",
        summary: "How many workers are wanted",
        description:
          "From what waits, arrives and runs, and when it should start; for KEDA's metrics-api scaler or one of your own. A queue that does not exist wants nobody; nor, for who is confined to projects, does one that all share.",
        querystring: ReadScaling,
        response: { 200: Scaling },
      },
    },
    async (request) => {
      const names = request.query.queues?.split(",").map((name) => name.trim());
      const loads = await meter.read(names, request.caller.projects);
      return { workersWanted: Math.max(0, wantedTogether(loads)), queues: loads.map(present) };
    },
  );
}

function present(load: MeasuredLoad): QueueScaling {
  const { name, waiting, running, arrivalRate, startRate, workers, slots, wanted } = load;
  return { name, waiting, running, arrivalRate, startRate, workers, slots, wanted };
}

/** The same for Prometheus. */
export function measureScaling(registry: Registry, meter: LoadMeter): void {
  const wanted: Gauge<"queue"> = new Gauge({
    name: "millrace_workers_wanted",
    help: "Workers that a queue wants, from what waits, arrives and runs",
    labelNames: ["queue"],
    registers: [registry],
    collect: async () => {
      const loads = await meter.read().catch(() => []);
      wanted.reset();
      const most = [...loads].sort((one, another) => another.wanted - one.wanted);
      for (const load of most.slice(0, MAX_NAMES)) wanted.set({ queue: load.name }, load.wanted);
      const others = most.slice(MAX_NAMES);
      if (others.length === 0) return;
      wanted.set(
        { queue: "other" },
        others.reduce((sum, load) => sum + load.wanted, 0),
      );
    },
  });
}

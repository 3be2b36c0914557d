import type { WorkerOptions } from "../../worker/worker.ts";
import type { Settings } from "../settings.ts";
import { VERSION } from "../version.ts";

type WorkerPolicy = Pick<
  WorkerOptions,
  "queues" | "concurrency" | "leaseMs" | "drainMs" | "version"
>;

/** What the settings say of a worker, wherever it runs. */
export function workerPolicy(settings: Settings): WorkerPolicy {
  const { queues, concurrency, leaseMs, drainMs } = settings;
  return { queues, concurrency, leaseMs, drainMs, version: VERSION };
}

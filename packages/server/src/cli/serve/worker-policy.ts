import { availableParallelism } from "node:os";
import type { WorkerOptions } from "../../worker/worker-options.ts";
import type { Cli } from "../cli.ts";
import type { Settings } from "../settings.ts";
import { VERSION } from "../version.ts";
import { NOT_FOR_HANDLERS, jobEnvironment } from "./job-environment.ts";
import { jobCache } from "./load-all-jobs.ts";

type WorkerPolicy = Pick<
  WorkerOptions,
  | "queues"
  | "concurrency"
  | "leaseMs"
  | "drainMs"
  | "version"
  | "isolation"
  | "blockMs"
  | "logLevel"
>;

/** What the settings say of a worker, wherever it runs. */
export function workerPolicy(cli: Cli, settings: Settings): WorkerPolicy {
  const { queues, concurrency, leaseMs, drainMs, blockMs, runLogLevel: logLevel } = settings;
  const isolation = {
    cacheFolder: jobCache(settings),
    processes: settings.processes ?? availableParallelism(),
    threads: settings.threads ?? availableParallelism(),
    environment: jobEnvironment(cli.env, settings.jobEnv),
    // What handlers in this process find, too: see main.ts.
    inlineEnvironment: {
      ...cli.env,
      ...Object.fromEntries(NOT_FOR_HANDLERS.map((name) => [name, undefined])),
    },
  };
  return { queues, concurrency, leaseMs, drainMs, blockMs, logLevel, isolation, version: VERSION };
}

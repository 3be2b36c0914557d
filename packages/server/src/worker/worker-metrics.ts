import { BoundedLabel, Counter, Gauge, type Registry } from "../telemetry/metrics.ts";
import type { Worker } from "./worker.ts";
import type { WorkerOptions } from "./worker-options.ts";

/** What a worker counts besides its attempts: the places of isolated runs, what was stopped by force, blocked loops. */
export class WorkerMetrics {
  readonly hooks: Required<Pick<WorkerOptions, "onCrash" | "onIgnored" | "onBlocked">>;
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
    const registers = [registry];
    const jobs = new BoundedLabel();
    const crashes = new Counter({
      name: "millrace_crashes_total",
      help: "Processes and threads that died while they ran a handler",
      labelNames: ["job_name", "died"],
      registers,
    });
    const ignored = new Counter({
      name: "millrace_ignored_signals_total",
      help: "Handlers that did not stop when told to: ended by force, or left in their slot",
      labelNames: ["job_name", "end"],
      registers,
    });
    const blocks = new Counter({
      name: "millrace_event_loop_blocks_total",
      help: "Blocks of the event loop that were long enough to be told of",
      registers,
    });
    const longest = new Gauge({
      name: "millrace_event_loop_longest_block_seconds",
      help: "The longest of them",
      registers,
    });
    let longestMs = 0;
    longest.set({}, 0);
    this.hooks = {
      onCrash: (job, { died }) => crashes.inc({ job_name: jobs.of(job), died }),
      onIgnored: (job, forced) =>
        ignored.inc({ job_name: jobs.of(job), end: forced ? "forced" : "stuck" }),
      onBlocked: ({ ms }) => {
        blocks.inc({});
        longestMs = Math.max(longestMs, ms);
        longest.set({}, longestMs / 1000);
      },
    };
  }

  /** Measures the worker whenever somebody asks. */
  watch(worker: Pick<Worker, "places" | "stuck" | "slots">): void {
    const registers = [this.#registry];
    const places = new Gauge({
      name: "millrace_isolation_places",
      help: "Processes and threads for isolated runs",
      labelNames: ["place", "state"],
      registers,
      collect: () => {
        for (const [place, { busy, idle }] of Object.entries(worker.places)) {
          places.set({ place, state: "busy" }, busy);
          places.set({ place, state: "idle" }, idle);
        }
      },
    });
    const slots = new Gauge({
      name: "millrace_worker_slots",
      help: "How many runs this process's worker may execute at a time: slots that are taken, and free",
      labelNames: ["state"],
      registers,
      collect: () => {
        const { busy, free } = worker.slots;
        slots.set({ state: "busy" }, busy);
        slots.set({ state: "free" }, free);
      },
    });
    const stuck: Gauge = new Gauge({
      name: "millrace_stuck_handlers",
      help: "Slots held by handlers that do not stop",
      registers,
      collect: () => stuck.set({}, worker.stuck),
    });
  }
}

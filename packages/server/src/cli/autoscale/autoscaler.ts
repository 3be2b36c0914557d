import { hostname } from "node:os";
import { type ScalingMemory, type ScalingPolicy, holdWorkers } from "@millrace/core";
import { type LoadMeter, wantedTogether } from "../../engine/load-meter.ts";
import { Loop } from "../../runtime/loop.ts";
import type { Database } from "../../store/database.ts";
import { listWorkers } from "../../store/workers.ts";
import type { Logger } from "../../telemetry/logger.ts";
import { Machine, type MachineBound, boundByMachine } from "./machine.ts";
import type { WorkerProcesses } from "./worker-processes.ts";

const LOOK_EVERY_MS = 2500;

export interface AutoscalerOptions {
  db: Database;
  meter: LoadMeter;
  processes: WorkerProcesses;
  policy: ScalingPolicy;
  bound: MachineBound;
  /** Those that the workers take from. Default: what the living ones say. */
  queues: readonly string[] | undefined;
  logger: Logger;
  /** Told of every change, in words. */
  onChange: (sentence: string) => void;
}

/** Keeps as many workers on this machine as their queues want. */
export class Autoscaler extends Loop {
  readonly #options: AutoscalerOptions;
  readonly #machine = new Machine();
  #memory: ScalingMemory = [];
  #told = "";
  /** What was wanted at the last look. */
  wanted = 0;

  constructor(options: AutoscalerOptions) {
    super("autoscaler", () => this.#look(), options.logger);
    this.#options = options;
  }

  async #look(): Promise<number> {
    const { db, meter, processes, policy, bound } = this.#options;
    const queues = this.#options.queues ?? (await queuesOf(db, processes.pids));
    this.wanted = wantedTogether(await meter.read(queues));
    const held = holdWorkers(this.#memory, this.wanted, performance.now(), policy);
    this.#memory = held.memory;
    const { working } = processes;
    const { workers, why } = boundByMachine(
      held.workers,
      working,
      policy.min,
      this.#machine.look(),
      bound,
    );
    processes.scaleTo(workers);
    this.#tell(working, workers, why);
    return LOOK_EVERY_MS;
  }

  #tell(before: number, now: number, why: string | undefined): void {
    const sentence = `${now} ${now === 1 ? "worker" : "workers"}${why ? `, and no more: ${why}` : ""}`;
    if (before === now && sentence === this.#told) return;
    this.#told = sentence;
    this.#options.onChange(sentence);
  }
}

/** What our workers take from; undefined, for all queues, while none of them lives. */
async function queuesOf(db: Database, pids: readonly number[]): Promise<string[] | undefined> {
  const names = pids.map((pid) => `${hostname()}:${pid}`);
  const ours = (await listWorkers(db, null)).filter(
    ({ name, state }) => state === "active" && names.includes(name),
  );
  return ours.length > 0 ? [...new Set(ours.flatMap(({ queues }) => queues))] : undefined;
}

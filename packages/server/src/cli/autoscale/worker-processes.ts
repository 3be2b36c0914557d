import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Logger } from "../../telemetry/logger.ts";

const MAIN = fileURLToPath(new URL("../../../bin/millrace.mjs", import.meta.url));

/** One that ends by itself so soon will do so again: its successor waits, longer each time. */
const SHORT_LIFE_MS = 10_000;
const MAX_REST_MS = 60_000;

interface WorkerProcess {
  readonly child: ChildProcess;
  readonly startedAt: number;
  draining: boolean;
}

/** Processes of `millrace worker` on this machine. */
export class WorkerProcesses {
  readonly #args: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  readonly #logger: Logger;
  readonly #all = new Set<WorkerProcess>();
  readonly #ended = new Set<() => void>();
  #shortLives = 0;
  #restUntil = -Infinity;

  /** @param args of `millrace worker` */
  constructor(args: readonly string[], env: NodeJS.ProcessEnv, logger: Logger) {
    this.#args = args;
    // Each would want the same port.
    this.#env = { ...env, MILLRACE_PROBE_PORT: "" };
    this.#logger = logger;
  }

  /** Those that take runs. */
  get working(): number {
    return [...this.#all].filter(({ draining }) => !draining).length;
  }

  /** All that live, also those that drain. */
  get living(): number {
    return this.#all.size;
  }

  get pids(): number[] {
    return [...this.#all].flatMap(({ child }) => child.pid ?? []);
  }

  /** Starts what is missing; lets those that came last drain where there are too many. */
  scaleTo(workers: number): void {
    const working = [...this.#all].filter(({ draining }) => !draining);
    for (const worker of working.slice(workers)) this.#drain(worker);
    if (performance.now() < this.#restUntil) return;
    for (let count = working.length; count < workers; count++) this.#start();
  }

  /** Lets all drain, and waits until they have ended. */
  async stop(): Promise<void> {
    for (const worker of this.#all) this.#drain(worker);
    while (this.#all.size > 0) {
      await new Promise<void>((resolve) => this.#ended.add(resolve));
    }
  }

  /** Their runs are handed back now. */
  hurry(): void {
    // Another signal than the first is a second wish, however soon it comes.
    for (const { child } of this.#all) child.kill("SIGINT");
  }

  #start(): void {
    // The channel is a lifeline: when we are gone, however we went, they drain.
    const child = spawn(process.execPath, [MAIN, "worker", ...this.#args], {
      env: this.#env,
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      // Ctrl-C is for us to hand on.
      detached: true,
    });
    const worker: WorkerProcess = { child, startedAt: performance.now(), draining: false };
    this.#all.add(worker);
    child.once("error", (error) => this.#gone(worker, error.message));
    child.once("exit", (code, signal) => this.#gone(worker, signal ?? `exit code ${code}`));
  }

  #drain(worker: WorkerProcess): void {
    if (worker.draining) return;
    worker.draining = true;
    worker.child.kill("SIGTERM");
  }

  #gone(worker: WorkerProcess, how: string): void {
    if (!this.#all.delete(worker)) return;
    if (!worker.draining) {
      const lived = performance.now() - worker.startedAt;
      this.#shortLives = lived < SHORT_LIFE_MS ? this.#shortLives + 1 : 0;
      const restMs = this.#shortLives && Math.min(MAX_REST_MS, 500 * 2 ** this.#shortLives);
      this.#restUntil = performance.now() + restMs;
      this.#logger.warn(
        { event: "worker.process_ended", pid: worker.child.pid, how },
        `a worker ended by itself: ${how}`,
      );
    }
    for (const tell of this.#ended) tell();
    this.#ended.clear();
  }
}

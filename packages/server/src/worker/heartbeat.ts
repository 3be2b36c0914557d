import { Worker as Thread } from "node:worker_threads";
import type pg from "pg";
import type { Service } from "../runtime/service.ts";
import { siblingModule } from "../runtime/sibling-module.ts";
import type { Logger } from "../telemetry/logger.ts";

/**
 * What the thread sees:
 * - alive: the database took the beat.
 * - silent: no beat has got through for nearly as long as the lease lasts; the runs may be taken back any moment.
 * - lost: the worker was declared lost; whatever it holds has been taken back.
 */
export type HeartbeatReport = "alive" | "silent" | "lost";

export type HeartbeatCommand = "stop" | { connection: pg.ClientConfig };

export interface HeartbeatData {
  workerId: number;
  beatMs: number;
  silentAfterMs: number;
  connection: pg.ClientConfig;
}

export interface HeartbeatOptions {
  workerId: number;
  leaseMs: number;
  connection: () => pg.ClientConfig;
  logger: Logger;
  onReport: (report: HeartbeatReport) => void;
}

/** Proves the worker's life four times in each lease, from {@link file://./heartbeat-thread.ts a thread}. */
export class Heartbeat implements Service {
  readonly name = "heartbeat";
  readonly #options: HeartbeatOptions;
  #thread: Thread | undefined;
  #stopping = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { workerId, leaseMs, connection, logger, onReport } = this.#options;
    const data: HeartbeatData = {
      workerId,
      beatMs: leaseMs / 4,
      silentAfterMs: leaseMs - Math.min(1000, leaseMs / 4),
      connection: connection(),
    };
    const thread = new Thread(siblingModule(import.meta.url, "heartbeat-thread"), {
      workerData: data,
    });
    thread.on("message", (report: HeartbeatReport) => {
      if (!this.#stopping) onReport(report);
    });
    thread.on("error", (error) => logger.error({ err: error }, "the heartbeat thread failed"));
    thread.on("exit", () => {
      if (this.#stopping || this.#thread !== thread) return;
      logger.warn("the heartbeat thread ended; starting another");
      void this.start();
    });
    this.#thread = thread;
  }

  /** The database answers somewhere else now. */
  reconnect(): void {
    this.#send({ connection: this.#options.connection() });
  }

  async stop(): Promise<void> {
    const thread = this.#thread;
    if (!thread || this.#stopping) return;
    this.#stopping = true;
    const ended = new Promise((resolve) => thread.once("exit", resolve));
    this.#send("stop");
    const patience = setTimeout(() => void thread.terminate(), 1000);
    await ended;
    clearTimeout(patience);
  }

  #send(command: HeartbeatCommand): void {
    this.#thread?.postMessage(command);
  }
}

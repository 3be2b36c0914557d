import { MessageChannel, type MessagePort, type Worker as Thread } from "node:worker_threads";
import type pg from "pg";
import type { Service } from "../runtime/service.ts";
import { SharedThread } from "../runtime/shared-thread.ts";
import { siblingModule } from "../runtime/sibling-module.ts";
import type { Logger } from "../telemetry/logger.ts";

/**
 * What the thread sees:
 * - alive: the database took the beat.
 * - quiet: it did, and somebody has asked the worker to take nothing new.
 * - silent: no beat has got through for nearly as long as the lease lasts; the runs may be taken back any moment.
 * - lost: the worker was declared lost; whatever it holds has been taken back.
 */
export type HeartbeatReport = "alive" | "quiet" | "silent" | "lost";

export type HeartbeatCommand = "stop" | { connection: pg.ClientConfig };

/** What the thread is given to begin one. */
export interface HeartbeatData {
  /** For reports to here, and commands from here; it closes when the heartbeat has ended. */
  port: MessagePort;
  workerId: number;
  beatMs: number;
  silentAfterMs: number;
  connection: pg.ClientConfig;
  folder: string | undefined;
}

export interface HeartbeatOptions {
  workerId: number;
  leaseMs: number;
  connection: () => pg.ClientConfig;
  logger: Logger;
  onReport: (report: HeartbeatReport) => void;
  /** From which people know the files of the code, for samples of the stack. */
  folder?: string | undefined;
}

const shared = new SharedThread(siblingModule(import.meta.url, "heartbeat-thread"));

/** Proves the worker's life four times in each lease, from {@link file://./heartbeat-thread.ts a thread}. */
export class Heartbeat implements Service {
  readonly name = "heartbeat";
  readonly #options: HeartbeatOptions;
  #thread: Thread | undefined;
  #port: MessagePort | undefined;
  #stopping = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { workerId, leaseMs, connection, logger, onReport, folder } = this.#options;
    const { port1: port, port2 } = new MessageChannel();
    const data: HeartbeatData = {
      port: port2,
      workerId,
      beatMs: leaseMs / 4,
      silentAfterMs: leaseMs - Math.min(1000, leaseMs / 4),
      connection: connection(),
      folder,
    };
    const thread = shared.get();
    const failed = (error: unknown) =>
      logger.error({ event: "heartbeat.thread_failed", err: error }, "the heartbeat thread failed");
    const ended = () => {
      if (this.#stopping) return;
      logger.warn(
        { event: "heartbeat.thread_ended" },
        "the heartbeat thread ended; starting another",
      );
      void this.start();
    };
    thread.on("error", failed).on("exit", ended);
    port.on("message", (report: HeartbeatReport) => {
      if (!this.#stopping) onReport(report);
    });
    port.once("close", () => {
      if (this.#port === port) this.#port = undefined;
      if (this.#stopping) thread.off("error", failed).off("exit", ended);
    });
    thread.postMessage(data, [port2]);
    this.#thread = thread;
    this.#port = port;
  }

  /** The database answers somewhere else now. */
  reconnect(): void {
    this.#send({ connection: this.#options.connection() });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const port = this.#port;
    if (!port) return;
    const ended = new Promise((resolve) => port.once("close", resolve));
    this.#send("stop");
    // A thread that hears nothing is of no use to others either: they begin again in another.
    const patience = setTimeout(() => void this.#thread?.terminate(), 1000);
    await ended;
    clearTimeout(patience);
  }

  #send(command: HeartbeatCommand): void {
    this.#port?.postMessage(command);
  }
}

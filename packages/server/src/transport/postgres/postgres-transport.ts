import type pg from "pg";
import type { Database } from "../../store/database.ts";
import { statement } from "../../store/statement.ts";
import type { Logger } from "../../telemetry/logger.ts";
import { readMessage } from "../message.ts";
import type {
  Capabilities,
  Delivery,
  Transport,
  TransportObserver,
  TransportReceiver,
} from "../transport.ts";
import { Listener } from "./listener.ts";

export const CHANNEL = "millrace_bell";

/**
 * Sent in a transaction of its own, never in the caller's: see {@link CHANNEL} and the bell's rest. Nobody waits for the disk
 * before it is delivered: a hint that a crash of the server takes away had its listeners taken away, too.
 */
export const notifyQueues = statement<[channel: string, queues: readonly string[]], never>(
  "notify_queues",
  `select pg_notify($1, queue), set_config('synchronous_commit', 'off', true) from unnest($2::text[]) queue`,
);

export interface PostgresTransportOptions {
  db: Database;
  /** For the session that listens; it cannot come from a pool in transaction mode. */
  connection: () => pg.ClientConfig;
  logger: Logger;
  observer?: TransportObserver | undefined;
}

/** LISTEN and NOTIFY: no broker beside the database. Every worker of a queue hears every message. */
export class PostgresTransport implements Transport {
  readonly name = "postgres";
  readonly words = "PostgreSQL";
  readonly capabilities: Capabilities = {
    audience: "all",
    keeps: false,
    redelivers: false,
    trusted: true,
  };
  readonly #options: PostgresTransportOptions;
  readonly #listeners = new Set<Listener>();
  readonly #deaf = new Set<Listener>();
  #closed = false;

  constructor(options: PostgresTransportOptions) {
    this.#options = options;
    options.observer?.onState(true);
  }

  async publish(queues: readonly string[]): Promise<void> {
    const { db, observer } = this.#options;
    const askedAt = performance.now();
    try {
      this.#refuseWhenClosed();
      await notifyQueues(db, CHANNEL, queues);
      observer?.onPublished(queues.length, performance.now() - askedAt);
    } catch (error) {
      observer?.onPublishError();
      throw error;
    }
  }

  async receive(
    queues: readonly string[],
    onDelivery: (delivery: Delivery) => void,
  ): Promise<TransportReceiver> {
    let paused = false;
    const deliver = (queue: string) => {
      if (!paused) onDelivery({ queue, acknowledge() {}, release() {} });
    };
    const listener: Listener = new Listener({
      connection: this.#options.connection,
      channel: CHANNEL,
      logger: this.#options.logger,
      onPayload: (payload) => {
        const queue = readMessage(payload);
        if (queue === undefined) this.#options.observer?.onDropped("malformed");
        if (queue === undefined || !queues.includes(queue)) return;
        this.#options.observer?.onReceived();
        deliver(queue);
      },
      onConnected: () => {
        this.#hears(listener, true);
        for (const queue of queues) deliver(queue);
      },
      onLost: () => this.#hears(listener, false),
    });
    this.#listeners.add(listener);
    this.#hears(listener, false);
    await listener.start();
    return {
      pause: () => void (paused = true),
      resume: () => void (paused = false),
      close: async () => {
        this.#listeners.delete(listener);
        this.#hears(listener, true);
        await listener.stop();
      },
    };
  }

  async check(): Promise<void> {
    this.#refuseWhenClosed();
    if (this.#deaf.size > 0) {
      throw new Error("nobody listens on PostgreSQL now; workers look by themselves once a second");
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#listeners].map((listener) => listener.stop()));
    this.#listeners.clear();
  }

  #refuseWhenClosed(): void {
    if (this.#closed) throw new Error("the transport is closed");
  }

  #hears(listener: Listener, hears: boolean): void {
    if (hears) this.#deaf.delete(listener);
    else this.#deaf.add(listener);
    this.#options.observer?.onState(this.#deaf.size === 0);
  }
}

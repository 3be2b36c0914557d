import type pg from "pg";
import type { Database } from "../../store/database.ts";
import { statement } from "../../store/statement.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { Receiver, Transport } from "../transport.ts";
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
}

/** LISTEN and NOTIFY: no broker beside the database. Every worker of a queue hears every message. */
export class PostgresTransport implements Transport {
  readonly name = "postgres";
  readonly #options: PostgresTransportOptions;
  readonly #listeners = new Set<Listener>();

  constructor(options: PostgresTransportOptions) {
    this.#options = options;
  }

  async publish(queues: readonly string[]): Promise<void> {
    await notifyQueues(this.#options.db, CHANNEL, queues);
  }

  async receive(queues: readonly string[], onMessage: (queue: string) => void): Promise<Receiver> {
    const listener = new Listener({
      connection: this.#options.connection,
      channel: CHANNEL,
      logger: this.#options.logger,
      onPayload: (queue) => {
        if (queues.includes(queue)) onMessage(queue);
      },
      onConnected: () => {
        for (const queue of queues) onMessage(queue);
      },
    });
    this.#listeners.add(listener);
    await listener.start();
    return {
      close: async () => {
        this.#listeners.delete(listener);
        await listener.stop();
      },
    };
  }

  async check(): Promise<void> {
    await this.#options.db.query("select 1");
  }

  async close(): Promise<void> {
    await Promise.all([...this.#listeners].map((listener) => listener.stop()));
    this.#listeners.clear();
  }
}

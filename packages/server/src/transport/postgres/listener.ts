import pg from "pg";
import { Loop } from "../../runtime/loop.ts";
import type { Service } from "../../runtime/service.ts";
import { isPooled } from "../../store/pooler.ts";
import type { Logger } from "../../telemetry/logger.ts";

/** A silent connection looks like a quiet one; so the session asks itself whether it is still there. */
const PING_EVERY_MS = 10_000;
const ANSWER_WITHIN_MS = 5000;

/** A pooler does not go away from one moment to the next. */
const LOOK_FOR_POOLER_EVERY_MS = 60_000;

export interface ListenerOptions {
  connection: () => pg.ClientConfig;
  channel: string;
  logger: Logger;
  onPayload: (payload: string) => void;
  /** Called after each connect: what was sent before it went unheard. */
  onConnected: () => void;
  /** Called when it hears nothing any more. */
  onLost: () => void;
}

/** One session that listens on a channel, and comes back when it is lost. */
export class Listener implements Service {
  readonly name = "listener";
  readonly #options: ListenerOptions;
  readonly #loop: Loop;
  #client: pg.Client | undefined;
  #toldOfPooler = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#loop = new Loop(this.name, () => this.#keepListening(), options.logger);
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    await this.#drop();
  }

  async #keepListening(): Promise<number> {
    if (this.#client) {
      await this.#client.query("select 1").catch(async (error: unknown) => {
        this.#options.onLost();
        await this.#drop();
        throw error;
      });
    } else {
      await this.#connect();
    }
    return this.#client ? PING_EVERY_MS : LOOK_FOR_POOLER_EVERY_MS;
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({
      ...this.#options.connection(),
      application_name: "millrace listener",
      connectionTimeoutMillis: ANSWER_WITHIN_MS,
      query_timeout: ANSWER_WITHIN_MS,
      keepAlive: true,
    });
    const lost = () => {
      if (this.#client !== client) return;
      this.#client = undefined;
      this.#options.onLost();
      this.#loop.wake();
    };
    client.on("error", lost);
    client.on("end", lost);
    client.on("notification", ({ payload }) => this.#options.onPayload(payload ?? ""));
    try {
      await client.connect();
      if (await isPooled(client)) {
        this.#tellOfPooler();
        await client.end();
        return;
      }
      await client.query(`listen ${pg.escapeIdentifier(this.#options.channel)}`);
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
    this.#client = client;
    this.#options.onConnected();
  }

  /** Its session would be somebody else's after this statement, and what it hears would reach nobody. */
  #tellOfPooler(): void {
    if (this.#toldOfPooler) return;
    this.#toldOfPooler = true;
    this.#options.logger.warn(
      { event: "transport.unheard" },
      "a pooler stands before PostgreSQL, so rings are not heard, and workers look once a second; set MILLRACE_LISTEN_URL to the database without it, or MILLRACE_TRANSPORT to a broker",
    );
  }

  async #drop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }
}

import pg from "pg";

import type { EmbeddedConnection } from "./endpoint.ts";

/** What a session sees of a server that goes down: admin shutdown, crash, cannot connect now, and the same from sockets. */
const GOING_DOWN = new Set([
  "57P01",
  "57P02",
  "57P03",
  "ENOENT",
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
]);

/** True for errors that are no fault of the caller's: the server is ending, or has just ended. */
export function isGoingDown(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  if (code !== undefined && GOING_DOWN.has(code)) return true;
  return /Connection terminated|not queryable/.test(message ?? "");
}

/** "MILL" in ASCII: the first half of our advisory locks' keys. */
const LOCK_CLASS = 0x4d_49_4c_4c;
const PRESENCE = 1;
const TURN = 2;

/**
 * Our place among the processes that use the server: one session that holds a shared advisory lock for as long as we
 * stay. Whoever leaves and then gets the exclusive one is the last, and ends the server while holding it: a newcomer
 * waits on the lock, is cut off with the server, and tries again, so nobody joins a server that is about to stop.
 */
export class Presence {
  readonly #client: pg.Client;
  #open = true;
  #onBroken: (() => void) | undefined;

  private constructor(client: pg.Client) {
    this.#client = client;
    client.on("error", () => {}); // "end" follows
    client.on("end", () => {
      if (!this.#open) return;
      this.#open = false;
      this.#onBroken?.();
    });
  }

  /** Rejects when the server is going down. */
  static async join(connection: EmbeddedConnection): Promise<Presence> {
    const client = new pg.Client({
      ...connection,
      application_name: "millrace presence",
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
    });
    const presence = new Presence(client);
    try {
      await client.connect();
      await client.query("select pg_advisory_lock_shared($1, $2)", [LOCK_CLASS, PRESENCE]);
      return presence;
    } catch (error) {
      await presence.close();
      throw error;
    }
  }

  /** Calls `then` once when the session ends without our doing; at once if it has. */
  whenBroken(then: () => void): void {
    if (this.#open) this.#onBroken = then;
    else then();
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** From here on our place does not keep the process from ending, but while it is left. */
  unref(): void {
    refs(this.#client).unref();
  }

  /** Runs `work` while no other process that is present runs its own. */
  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    await this.#client.query("select pg_advisory_lock($1, $2)", [LOCK_CLASS, TURN]);
    try {
      return await work();
    } finally {
      await this.#client.query("select pg_advisory_unlock($1, $2)", [LOCK_CLASS, TURN]);
    }
  }

  /**
   * Gives up our place; the session's end is expected from here on. `last`: nobody was left, and nobody can join until
   * `close`. `broken`: the server was gone before.
   */
  async leave(): Promise<"last" | "not last" | "broken"> {
    if (!this.#open) return "broken";
    this.#open = false;
    refs(this.#client).ref();
    const key = [LOCK_CLASS, PRESENCE];
    try {
      await this.#client.query("select pg_advisory_unlock_shared($1, $2)", key);
      const { rows } = await this.#client.query<{ last: boolean }>(
        "select pg_try_advisory_lock($1, $2) as last",
        key,
      );
      return rows[0]?.last === true ? "last" : "not last";
    } catch (error) {
      // Whoever leaves at the same time may get the lock first, and end the server under our very statement.
      return isGoingDown(error) ? "not last" : "broken";
    }
  }

  async close(): Promise<void> {
    this.#open = false;
    await this.#client.end().catch(() => {});
  }
}

/** pg has them, and its types do not. */
function refs(client: pg.Client): { ref(): void; unref(): void } {
  return client as unknown as { ref(): void; unref(): void };
}

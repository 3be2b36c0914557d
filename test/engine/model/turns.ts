import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "millrace";
import pg from "pg";

/** A statement that an actor would send, when it is its turn. */
interface Waiting {
  send: () => void;
}

/** One connection, on which nothing is sent but when it is told to. */
export class Actor {
  readonly name: string;
  readonly #client: pg.Client;
  pid = 0;
  waiting: Waiting | undefined;
  /** Whether a statement was sent that has not been answered. */
  sent = false;
  done = false;
  /** The number of the step in which its last statement was sent. */
  step = 0;

  constructor(name: string, client: pg.Client) {
    this.name = name;
    this.#client = client;
  }

  /** In the place of a pool, for whatever in the engine wants one. */
  get db(): Database {
    const query = this.#query.bind(this);
    const client = { query, release: () => {} };
    return { query, connect: async () => client } as unknown as Database;
  }

  async #query(config: pg.QueryConfig | string, values?: unknown[]): Promise<pg.QueryResult> {
    await new Promise<void>((send) => {
      this.waiting = { send };
    });
    this.sent = true;
    try {
      return await this.#client.query(config as pg.QueryConfig, values as unknown[]);
    } finally {
      this.sent = false;
    }
  }
}

/**
 * Several connections, of which one at a time may send its next statement: so statements of concurrent transactions
 * meet in an order that can be chosen, and chosen again. A statement that waits for a lock leaves the turn to the others.
 */
export class Turns {
  /** Whose statements were sent, in order. */
  readonly trace: string[] = [];
  readonly #observer: pg.Client;
  readonly #clients: pg.Client[];

  private constructor(clients: pg.Client[], observer: pg.Client) {
    this.#clients = clients;
    this.#observer = observer;
  }

  /** @param connections how many actors at the most */
  static async open(url: string, connections: number): Promise<Turns> {
    const types = new pg.TypeOverrides();
    types.setTypeParser(pg.types.builtins.INT8, Number);
    const open = async (application_name: string) => {
      const client = new pg.Client({ connectionString: url, application_name, types });
      await client.connect();
      // As the pool sets them; and a circle of waiting is to be found at once.
      await client.query("set enable_seqscan = off; set enable_mergejoin = off; set jit = off");
      await client.query("set deadlock_timeout = '10ms'");
      return client;
    };
    const clients: pg.Client[] = [];
    for (let n = 0; n < connections; n++) clients.push(await open("millrace model"));
    return new Turns(clients, await open("observer"));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clients, this.#observer].map((client) => client.end()));
  }

  /**
   * Runs all `plays` to their ends, each with an actor of its own.
   *
   * @param choices which of those who could send their next statement does; when it is at its end, the first
   * @returns what they answered or threw, in order
   */
  async play<T>(
    plays: readonly { name: string; work: (actor: Actor) => Promise<T> }[],
    choices: readonly number[],
  ): Promise<PromiseSettledResult<T>[]> {
    this.trace.length = 0;
    const actors: Actor[] = [];
    for (const [n, { name }] of plays.entries()) {
      const actor = new Actor(name, this.#clients[n]!);
      const { rows } = await this.#clients[n]!.query<{ pid: number }>(
        "select pg_backend_pid() as pid",
      );
      actor.pid = rows[0]!.pid;
      actors.push(actor);
    }
    const ends = plays.map(async ({ work }, n) => {
      try {
        return await work(actors[n]!);
      } finally {
        actors[n]!.done = true;
      }
    });
    const results = Promise.allSettled(ends);
    for (let turn = 0; ; turn++) {
      await this.#untilAllStand(actors);
      const ready = actors.filter((actor) => actor.waiting);
      if (ready.length === 0) {
        if (actors.every((actor) => actor.done)) return results;
        continue;
      }
      const actor = ready[(choices[turn] ?? 0) % ready.length]!;
      actor.step = this.trace.push(actor.name);
      const { send } = actor.waiting!;
      actor.waiting = undefined;
      send();
    }
  }

  /** Until each has ended, waits for its turn, or waits for a lock. */
  async #untilAllStand(actors: readonly Actor[]): Promise<void> {
    for (;;) {
      // Whoever has been answered comes to its next statement in no time, or after a rest that it takes.
      await new Promise(setImmediate);
      const moving = actors.filter((actor) => !actor.done && !actor.waiting);
      if (moving.length === 0) return;
      const sent = moving.filter((actor) => actor.sent);
      if (sent.length === moving.length && (await this.#allBlocked(sent))) {
        // All of them wait: only the server can end that, and it does, after deadlock_timeout.
        if (sent.length < actors.filter((actor) => !actor.done).length) return;
        await pause(5);
        continue;
      }
      await pause(1);
    }
  }

  async #allBlocked(actors: readonly Actor[]): Promise<boolean> {
    const { rows } = await this.#observer.query<{ blocked: boolean }>(
      "select bool_and(cardinality(pg_blocking_pids(pid)) > 0) as blocked from unnest($1::integer[]) pid",
      [actors.map((actor) => actor.pid)],
    );
    // One of them may have been answered while that was asked.
    return rows[0]!.blocked && actors.every((actor) => actor.sent);
  }
}

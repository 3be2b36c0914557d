import { setTimeout as pause } from "node:timers/promises";
import { Child } from "./child.ts";
import { now } from "./contract.ts";
import { type Metered, metered } from "./meter.ts";
import type { Servers } from "./servers.ts";
import type { SubjectSpec } from "./subjects.ts";
import type { Undo } from "./undo.ts";

export interface Measurement extends Metered {
  perSecond: number;
}

/** One subject on a database of its own, in one process or several. */
export class Contender {
  readonly name: string;
  readonly spec: SubjectSpec;
  readonly url: string;
  readonly #servers: Servers;
  readonly #children: Child[];
  readonly #close: () => Promise<void>;
  /** Runs that were enqueued in bulk and not handled since. */
  waiting = 0;

  private constructor(
    ...[spec, url, servers, children, close]: [
      SubjectSpec,
      string,
      Servers,
      Child[],
      () => Promise<void>,
    ]
  ) {
    this.name = spec.name;
    this.spec = spec;
    this.url = url;
    this.#servers = servers;
    this.#children = children;
    this.#close = close;
  }

  static async open(
    spec: SubjectSpec,
    servers: Servers,
    undo: Undo,
    { processes = 1, inputBytes = 100, steps = 0 } = {},
  ): Promise<Contender> {
    const database = await servers.of(spec.store).createDatabase();
    const children: Child[] = [];
    const close = undo.add(async () => {
      await Promise.all(children.map((child) => child.end()));
      await database.drop();
    });
    for (let n = 0; n < processes; n++) {
      const child = new Child(spec, servers.python);
      children.push(child);
      await child.call("open", database.url, n === 0, inputBytes, steps);
    }
    return new Contender(spec, database.url, servers, children, close);
  }

  get #first(): Child {
    return this.#children[0]!;
  }

  call<T>(method: string, ...params: unknown[]): Promise<T> {
    return this.#first.call<T>(method, ...params);
  }

  /** Calls that answer the milliseconds that they took. */
  async timed(count: number, method: string, ...params: unknown[]): Promise<Measurement> {
    const server = this.#servers.of(this.spec.store);
    const { result, cost } = await metered(server, count, () =>
      this.call<number>(method, ...params),
    );
    return { ...cost, perSecond: (count / result) * 1000 };
  }

  enqueue(count: number): Promise<Measurement> {
    this.waiting += count;
    return this.timed(count, "enqueue", count);
  }

  /**
   * Starts the workers and lets them process at least `count` of the runs that wait. The time begins with the first start of a
   * handler, so that nobody pays for the start of a process. It ends when all outcomes are on record; or, when more runs
   * wait than are asked for, with the start of the last handler.
   */
  async process(count: number): Promise<Measurement> {
    const all = this.waiting <= count;
    const server = this.#servers.of(this.spec.store);
    const { result: perSecond, cost } = await metered(server, count, async () => {
      await Promise.all(this.#children.map((child) => child.call("work")));
      const handled = await this.#handled(count);
      const endedAt = all ? await this.call<number>("drained") : handled.at;
      return (handled.runs / (endedAt - handled.firstStartAt)) * 1000;
    });
    await this.rest();
    this.waiting = all ? 0 : this.waiting - (await this.#progress()).runs;
    return { ...cost, perSecond };
  }

  async #handled(count: number): Promise<{ runs: number; firstStartAt: number; at: number }> {
    for (;;) {
      const { runs, firstStartAt } = await this.#progress();
      if (runs >= count) return { runs, firstStartAt, at: now() };
      await pause(5);
    }
  }

  async #progress(): Promise<{ runs: number; firstStartAt: number }> {
    const all = await Promise.all(
      this.#children.map((child) =>
        child.call<{ handled: number; firstStartAt: number | null }>("progress"),
      ),
    );
    return {
      runs: all.reduce((sum, { handled }) => sum + handled, 0),
      firstStartAt: Math.min(...all.flatMap(({ firstStartAt }) => firstStartAt ?? [])),
    };
  }

  async rest(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.call("rest")));
  }

  /** Bytes of memory of all its processes. */
  memory(): number | null {
    return this.#children.reduce<number | null>((sum, child) => {
      const bytes = child.memory();
      return sum === null || bytes === null ? null : sum + bytes;
    }, 0);
  }

  async close(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.call("close")));
    await this.#close();
  }
}

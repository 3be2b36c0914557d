import { setTimeout as pace } from "node:timers/promises";
import type { History } from "./history.ts";

/** A server that does not answer for so long is taken for one that never will. */
const PATIENCE_MS = 10_000;

/** Asks a server for runs over HTTP, steadily, until it is stopped. */
export class HttpLoad {
  readonly #history: History;
  readonly #address: string;
  readonly #apiKey: string;
  readonly #underWay = new Set<Promise<void>>();
  #stopping = false;
  #running: Promise<void> = Promise.resolve();

  constructor(history: History, address: string, apiKey: string) {
    this.#history = history;
    this.#address = address;
    this.#apiKey = apiKey;
  }

  start(perSecond: number): this {
    this.#running = this.#run(perSecond);
    return this;
  }

  /** When this returns, every request has been answered, or never will be. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
    await Promise.all(this.#underWay);
  }

  async #run(perSecond: number): Promise<void> {
    for (let n = 1; !this.#stopping; n++) {
      const asked = this.#ask(`${this.#address} ${n}`);
      this.#underWay.add(asked);
      void asked.finally(() => this.#underWay.delete(asked));
      await pace(1000 / perSecond);
    }
  }

  async #ask(name: string): Promise<void> {
    const op = `${name} ${performance.now()}`;
    this.#history.note({ event: "invoke", op });
    try {
      const answer = await fetch(`${this.#address}/api/v1/runs`, {
        method: "POST",
        headers: { authorization: `Bearer ${this.#apiKey}`, "content-type": "application/json" },
        body: JSON.stringify({
          job: "nap",
          input: { ms: Math.random() * 300 },
          correlationId: op,
        }),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      const body = (await answer.json()) as { id: string };
      if (answer.status === 201) this.#history.note({ event: "ok", op, run: body.id });
      else this.#history.note({ event: answer.status < 500 ? "fail" : "unknown", op });
    } catch (error) {
      const { code } = ((error as Error).cause ?? {}) as { code?: string };
      // Nobody listened, so nobody heard.
      this.#history.note({ event: code === "ECONNREFUSED" ? "fail" : "unknown", op });
    }
  }
}

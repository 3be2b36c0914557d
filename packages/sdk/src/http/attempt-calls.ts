import type { Host } from "./define-host.ts";
import { type Fetch, type FetchOrder, orderOf } from "./fetch-order.ts";
import type { CallGround } from "./http-call.ts";
import type { HttpClient } from "./http-client.ts";
import type { HeldSecrets } from "../secrets.ts";

/** On whose behalf an attempt calls others. */
export interface Caller extends Pick<CallGround, "runId" | "correlationId" | "onCalled"> {
  readonly hosts: readonly Host[];
  /** At this moment. */
  readonly secrets: () => HeldSecrets;
}

/** The calls of one attempt: they end with it. */
export class AttemptCalls {
  readonly fetch: Fetch;
  readonly #client: HttpClient;
  readonly #ground: CallGround;
  readonly #over = new AbortController();
  #left = false;

  constructor(client: HttpClient, { secrets, ...caller }: Caller) {
    this.#client = client;
    this.#ground = {
      ...caller,
      signal: this.#over.signal,
      secretOf: (name) => {
        const held = secrets();
        const one = Object.hasOwn(held, name) ? held[name] : undefined;
        return typeof one === "object" ? one : undefined;
      },
    };
    this.fetch = (url, init = {}) =>
      this.#untilLeft(async () => client.send(await orderOf(url, init), this.#ground, init.signal));
  }

  /** Carries out a call that was made of what the handler has asked for, here or elsewhere. */
  send(order: FetchOrder, own?: AbortSignal): Promise<Response> {
    return this.#untilLeft(() => this.#client.send(order, this.#ground, own));
  }

  /** The handler is to stop: ends what is under way with that reason. Only the first one counts. */
  stop(reason: Error): void {
    this.#over.abort(reason);
  }

  /**
   * The attempt is over: ends what is under way, also bodies that nobody has read to their end. A handler that was left in it, or did not wait for
   * it, hears nothing more: an error that nobody catches would end the process.
   */
  leave(): void {
    this.#left = true;
    this.#over.abort(new Error("the attempt is over"));
  }

  async #untilLeft(call: () => Promise<Response>): Promise<Response> {
    if (this.#left) throw new Error("ctx.fetch: the attempt is over, and calls nobody any more");
    try {
      return await call();
    } catch (error) {
      if (this.#left) return new Promise(() => {});
      throw error;
    }
  }
}

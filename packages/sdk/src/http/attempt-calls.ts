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

  constructor(client: HttpClient, { secrets, ...caller }: Caller) {
    this.#client = client;
    this.#ground = {
      ...caller,
      signal: this.#over.signal,
      secretOf: (name) => {
        const held = secrets()[name];
        return typeof held === "object" ? held : undefined;
      },
    };
    this.fetch = async (url, init = {}) => this.send(await orderOf(url, init), init.signal);
  }

  /** Carries out a call that was made of what the handler has asked for, here or elsewhere. */
  send(order: FetchOrder, own?: AbortSignal): Promise<Response> {
    return this.#client.send(order, this.#ground, own);
  }

  /** Ends what is under way, also bodies that nobody has read to their end. Only the first reason counts. */
  end(reason: Error): void {
    this.#over.abort(reason);
  }
}

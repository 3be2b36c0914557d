import type { Fetch } from "@millrace/sdk";
import { orderOf } from "@millrace/sdk/http";
import type { CallAnswer, Notice } from "./protocol.ts";
import { errorOf, responseOf, toWireOrder } from "./wire-call.ts";

/** `ctx.fetch` in a place of its own: the worker, which has the secrets and the limits of hosts, makes the calls. */
export class IsolatedCalls {
  readonly #send: (notice: Notice) => void;
  readonly #open = new Map<number, (answer: CallAnswer) => void>();
  #asked = 0;

  constructor(send: (notice: Notice) => void) {
    this.#send = send;
  }

  readonly fetch: Fetch = async (url, init = {}) => {
    const { signal } = init;
    const order = await toWireOrder(await orderOf(url, init));
    signal?.throwIfAborted();
    const id = ++this.#asked;
    const answer = await new Promise<CallAnswer>((resolve, reject) => {
      const drop = () => {
        this.#open.delete(id);
        this.#send({ call: { id, drop: true } });
        reject(signal!.reason);
      };
      signal?.addEventListener("abort", drop, { once: true });
      this.#open.set(id, (answer) => {
        signal?.removeEventListener("abort", drop);
        resolve(answer);
      });
      this.#send({ call: { id, order } });
    });
    if ("failed" in answer) throw errorOf(answer.failed);
    return responseOf(answer.response);
  };

  /** What the worker says to a call. */
  answer(answer: CallAnswer): void {
    this.#open.get(answer.id)?.(answer);
    this.#open.delete(answer.id);
  }
}

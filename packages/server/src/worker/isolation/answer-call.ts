import { ROOT_CONTEXT, context, trace } from "@opentelemetry/api";
import { readTraceContext } from "@millrace/core";
import { orderOf } from "@millrace/sdk/http";
import { spanContextOf } from "@millrace/sdk/tracing";
import type { AttemptContext } from "../attempt-context.ts";
import type { CallAnswer, CallQuestion } from "./protocol.ts";
import { initOf, toWireFailure, toWireResponse } from "./wire-call.ts";

/** Makes the calls that a handler in a place of its own asks for. Secrets are put in here, and never cross. */
export class CallAnswerer {
  readonly #context: Pick<AttemptContext, "calls">;
  readonly #answer: (answer: CallAnswer) => void;
  readonly #underWay = new Map<number, AbortController>();

  /** @param answer tells the place */
  constructor(context: Pick<AttemptContext, "calls">, answer: (answer: CallAnswer) => void) {
    this.#context = context;
    this.#answer = answer;
  }

  /** Never rejects, whatever has come: the other side is the handler's. */
  async take(question: CallQuestion): Promise<void> {
    let id = -1;
    try {
      ({ id } = question);
      if ("drop" in question) {
        this.#underWay.get(id)?.abort();
        return;
      }
      const dropped = new AbortController();
      this.#underWay.set(id, dropped);
      const order = await orderOf(question.order.url, initOf(question.order));
      const response = await within(question.order.trace, () =>
        this.#context.calls.send(order, dropped.signal),
      );
      this.#answer({ id, response: await toWireResponse(response) });
    } catch (error) {
      this.#answer({ id, failed: toWireFailure(error) });
    } finally {
      this.#underWay.delete(id);
    }
  }
}

/** Does something as a part of a span of the other side, if it has named one. */
function within<T>(carried: string | undefined, work: () => T): T {
  const span = readTraceContext(carried);
  return span
    ? context.with(trace.setSpanContext(ROOT_CONTEXT, spanContextOf(span)), work)
    : work();
}

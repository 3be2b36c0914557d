import { type Span, SpanKind, type SpanOptions } from "@opentelemetry/api";
import type { StepKind } from "@millrace/core";
import type { StepPlace } from "../step/checkpoints.ts";
import { boundedName } from "./bounded-name.ts";
import { sampledSpan } from "./carried.ts";
import { inSpan } from "./in-span.ts";

/** The spans of one attempt's steps. What is on record already is not done, and has none. */
export class StepSpans {
  readonly #open = new Set<Span>();

  /** Does what a step does, within a span where the attempt has one. */
  during<T>(place: StepPlace, work: () => Promise<T>): Promise<T> {
    if (!sampledSpan()) return work();
    return inSpan(`${place.kind} ${boundedName(place.name)}`, optionsOf(place), async (span) => {
      this.#open.add(span!);
      try {
        return await work();
      } finally {
        this.#open.delete(span!);
      }
    });
  }

  /** The attempt is over: what it has left in waits, or does not listen to any more, settles never. */
  close(): void {
    for (const span of this.#open) {
      span.setAttribute("millrace.step.left", true);
      span.end();
    }
    this.#open.clear();
  }
}

function optionsOf({ name, ordinal, kind }: StepPlace): SpanOptions {
  return {
    kind: KINDS[kind] ?? SpanKind.INTERNAL,
    attributes: {
      "millrace.step": name,
      "millrace.step.kind": kind,
      "millrace.step.ordinal": ordinal,
      ...(kind === "transaction" && { "db.system.name": "postgresql" }),
    },
  };
}

const KINDS: Partial<Record<StepKind, SpanKind>> = {
  call: SpanKind.PRODUCER,
  "fan-out": SpanKind.PRODUCER,
  transaction: SpanKind.CLIENT,
};

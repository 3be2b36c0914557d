import { ROOT_CONTEXT, context, trace } from "@opentelemetry/api";
import { readTraceContext } from "@millrace/core";
import { spanContextOf } from "@millrace/sdk/tracing";
import { isTraced } from "../../telemetry/tracing/is-traced.ts";
import { SPAN_LIMITS } from "../../telemetry/tracing/span-limits.ts";
import { type WireSpan, toWireSpan } from "../../telemetry/tracing/wire-span.ts";
import type { CarriedTrace } from "./protocol.ts";

/** Where spans go: this place makes one attempt at a time. */
let sink: ((span: WireSpan) => void) | undefined;

/** One for all attempts that are made here. */
let opened: Promise<void> | undefined;

/**
 * Has spans recorded in this thread or process, and given to the worker, which sends them. Where the code of the job has brought an SDK, that one
 * records and sends.
 *
 * @returns does something within the span of the attempt; undefined where nobody records
 */
export async function tracedHere(
  { span: carried, taken }: CarriedTrace,
  onSpan: (span: WireSpan) => void,
): Promise<(<T>(work: () => T) => T) | undefined> {
  sink = onSpan;
  if (!isTraced() && taken) opened ??= open();
  await opened;
  const parent = readTraceContext(carried);
  if (!isTraced() || !parent) return undefined;
  const within = trace.setSpanContext(ROOT_CONTEXT, spanContextOf(parent));
  return (work) => context.with(within, work);
}

/** The worker has found what it needs of the SDK, so it is there. */
async function open(): Promise<void> {
  const [sdk, hooks] = await Promise.all([
    import("@opentelemetry/sdk-trace"),
    import("@opentelemetry/context-async-hooks"),
  ]);
  const done = () => Promise.resolve();
  const provider = new sdk.TracerProvider({
    // What is no part of an attempt is nobody's.
    sampler: new sdk.ParentBasedSampler({ root: new sdk.AlwaysOffSampler() }),
    spanLimits: SPAN_LIMITS,
    spanProcessors: [
      {
        onStart() {},
        onEnd: (span) => sink?.(toWireSpan(span)),
        forceFlush: done,
        shutdown: done,
      },
    ],
  });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new hooks.AsyncLocalStorageContextManager().enable());
}

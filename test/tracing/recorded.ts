import {
  type Span as ActiveSpan,
  SpanKind,
  TraceFlags,
  context,
  propagation,
  trace,
} from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  InMemorySpanExporter,
  ParentBasedSampler,
  AlwaysOnSampler,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { onTestFinished } from "vitest";
import type { Span } from "./otlp.ts";

/** An SDK of the test's own in this process, as code of jobs may bring one; taken away with the test. */
export function record() {
  const exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(
    new TracerProvider({
      spanProcessors: [new SimpleSpanProcessor({ exporter })],
      sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
    }),
  );
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  onTestFinished(() => {
    trace.disable();
    context.disable();
    propagation.disable();
  });
  return {
    /** Those that have ended. */
    get spans(): Span[] {
      return exporter.getFinishedSpans().map(plain);
    },
    /** Does something within a span of a caller's. */
    within: <T>(name: string, work: (span: ActiveSpan) => Promise<T>): Promise<T> =>
      trace.getTracer("test").startActiveSpan(name, async (span) => {
        try {
          return await work(span);
        } finally {
          span.end();
        }
      }),
    /** Does something within a span that is not recorded. */
    unrecorded: <T>(work: () => Promise<T>): Promise<T> => {
      const traceId = "0af7651916cd43dd8448eb211c80319c";
      const span = { traceId, spanId: "b7ad6b7169203331", traceFlags: TraceFlags.NONE };
      return context.with(trace.setSpanContext(context.active(), span), work);
    },
  };
}

function plain(span: ReadableSpan): Span {
  const { traceId, spanId } = span.spanContext();
  const nanos = ([seconds, rest]: readonly [number, number]) =>
    BigInt(seconds) * 1_000_000_000n + BigInt(rest);
  return {
    ...{ traceId, spanId, name: span.name, attributes: span.attributes, resource: {}, state: "" },
    parentId: span.parentSpanContext?.spanId ?? "",
    kind: SpanKind[span.kind].toLowerCase() as Span["kind"],
    ...{ start: nanos(span.startTime), end: nanos(span.endTime) },
    links: span.links.map(({ context, attributes = {} }) => ({
      ...{ traceId: context.traceId, spanId: context.spanId, attributes },
    })),
    events: span.events.map(({ name, attributes = {} }) => ({ name, attributes })),
    status: { code: span.status.code, message: span.status.message ?? "" },
    scope: span.instrumentationScope.name,
  };
}

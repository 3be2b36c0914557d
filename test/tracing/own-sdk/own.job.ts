import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { defineJob } from "@millrace/sdk";

// Code of jobs that brings an SDK of its own, and says itself where spans go.

const exporter = new OTLPTraceExporter({ url: process.env["OWN_COLLECTOR"]! });

trace.setGlobalTracerProvider(
  new TracerProvider({
    resource: resourceFromAttributes({ "service.name": "brought along" }),
    spanProcessors: [new BatchSpanProcessor({ exporter, scheduledDelayMillis: 50 })],
  }),
);
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());

export const own = defineJob({
  name: "own",
  run: (_input, { step }) =>
    step("work", () => trace.getTracer("own").startActiveSpan("inner", (span) => span.end())),
});

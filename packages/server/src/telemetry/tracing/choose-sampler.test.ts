import { ROOT_CONTEXT, SpanKind, TraceFlags, type Tracer, trace } from "@opentelemetry/api";
import * as sdk from "@opentelemetry/sdk-trace";
import { expect, test } from "vitest";
import { SAMPLERS, type Sampling, chooseSampler } from "./choose-sampler.ts";

const MANY = 50;

/** A tracer that records at most two traces a second, unless told otherwise, and how many it has skipped. */
function tracerOf(sampling: Partial<Sampling> = {}): { tracer: Tracer; skipped: () => number } {
  let skipped = 0;
  const chosen = { sampler: "parentbased_always_on", ratio: 1, perSecond: 2, ...sampling } as const;
  const sampler = chooseSampler(sdk, chosen, () => skipped++);
  return {
    tracer: new sdk.TracerProvider({ sampler }).getTracer("test"),
    skipped: () => skipped,
  };
}

/** Within a span of elsewhere. */
function within(traceFlags: TraceFlags) {
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const spanContext = { traceId, spanId: "b7ad6b7169203331", traceFlags, isRemote: true };
  return trace.setSpanContext(ROOT_CONTEXT, spanContext);
}

/** So many spans, and how many of them are recorded. */
function recorded(begin: () => { isRecording(): boolean }): number {
  return Array.from({ length: MANY }, begin).filter((span) => span.isRecording()).length;
}

/** Of {@link MANY} that come at once, which may be at the turn of a second. */
function expectLimited(count: number): void {
  expect(count).toBeGreaterThanOrEqual(2);
  expect(count).toBeLessThanOrEqual(4);
}

const SAMPLING = SAMPLERS.filter((name) => !name.endsWith("_off"));

test.each(SAMPLING)(
  "%s records no more traces than so many in a second, and tells of the others",
  (sampler) => {
    const { tracer, skipped } = tracerOf({ sampler });
    const count = recorded(() => tracer.startSpan("begins", {}, ROOT_CONTEXT));
    expectLimited(count);
    expect(skipped()).toBe(MANY - count);
  },
);

test.each(SAMPLING)(
  "%s records all that is below a trace which is recorded, and nothing below one that was skipped",
  (sampler) => {
    const { tracer } = tracerOf({ sampler });
    const tops = Array.from({ length: MANY }, () => tracer.startSpan("begins", {}, ROOT_CONTEXT));
    expectLimited(tops.filter((top) => top.isRecording()).length);
    for (const top of tops) {
      const below = tracer.startSpan("below", {}, trace.setSpan(ROOT_CONTEXT, top));
      expect(below.isRecording()).toBe(top.isRecording());
    }
  },
);

test("a request of a caller who records counts like a trace that begins here", () => {
  const { tracer, skipped } = tracerOf();
  const caller = within(TraceFlags.SAMPLED);
  const count = recorded(() => tracer.startSpan("POST", { kind: SpanKind.SERVER }, caller));
  expectLimited(count);
  expect(skipped()).toBe(MANY - count);
});

test("requests that only read have as many of their own, and hide none that asks for something", () => {
  const { tracer } = tracerOf({ perSecond: MANY });
  const server = { kind: SpanKind.SERVER };
  // Without a route: nothing is there.
  const looks = ["GET /api/v1/runs/{id}", "HEAD /api/v1/runs/{id}", "OPTIONS", "GET", "POST"];
  const look = (name: string) => tracer.startSpan(name, server, ROOT_CONTEXT).isRecording();
  const seen = looks.flatMap((name) => Array.from({ length: 2 * MANY }, () => look(name)));
  expect(seen.filter(Boolean).length).toBeGreaterThanOrEqual(MANY);
  expect(seen.filter(Boolean).length).toBeLessThanOrEqual(2 * MANY);
  expect(recorded(() => tracer.startSpan("POST /api/v1/runs", server, ROOT_CONTEXT))).toBe(MANY);
});

test("an attempt of a run whose trace is recorded is recorded, however many there are", () => {
  const { tracer, skipped } = tracerOf();
  const request = within(TraceFlags.SAMPLED);
  expect(recorded(() => tracer.startSpan("process", { kind: SpanKind.CONSUMER }, request))).toBe(
    MANY,
  );
  expect(skipped()).toBe(0);
});

test("what begins a trace because of one that is recorded, as a retry does, is recorded, however many there are", () => {
  const { tracer } = tracerOf();
  const links = [{ context: trace.getSpanContext(within(TraceFlags.SAMPLED))! }];
  expect(recorded(() => tracer.startSpan("process", { links }, ROOT_CONTEXT))).toBe(MANY);
});

test("what refers to something of which nobody knows whether it is recorded counts like a trace that begins here", () => {
  const { tracer } = tracerOf();
  const links = [{ context: trace.getSpanContext(within(TraceFlags.NONE))! }];
  expectLimited(recorded(() => tracer.startSpan("process", { links }, ROOT_CONTEXT)));
});

test("what a sampler does not record does not count", () => {
  const { tracer, skipped } = tracerOf();
  const caller = within(TraceFlags.NONE);
  expect(recorded(() => tracer.startSpan("POST", { kind: SpanKind.SERVER }, caller))).toBe(0);
  expect(skipped()).toBe(0);
});

import { type Span, SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { expect, test } from "vitest";
import { Masks } from "../../security/masks.ts";
import { maskedSpans } from "./masked-spans.ts";
import { SPAN_LIMITS } from "./span-limits.ts";

const { mask } = Masks.of({ TOKEN: "sk_live_51HAt7", PIN: "1234567890" });

function ended(name: string, fill: (span: Span) => void = () => {}): ReadableSpan {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
    spanLimits: SPAN_LIMITS,
  });
  const span = provider.getTracer("test").startSpan(name);
  fill(span);
  span.end();
  return exporter.getFinishedSpans()[0]!;
}

function textsOf({ name, status, attributes, events, links }: ReadableSpan): string {
  return JSON.stringify([name, status, attributes, events, links]);
}

test.each<[string, (span: Span) => void]>([
  ["its name", (span) => span.updateName("GET sk_live_51HAt7")],
  [
    "its status",
    (span) => span.setStatus({ code: SpanStatusCode.ERROR, message: "sk_live_51HAt7" }),
  ],
  ["an attribute", (span) => span.setAttribute("a", "sk_live_51HAt7")],
  ["the name of an attribute", (span) => span.setAttribute("sk_live_51HAt7", 1)],
  ["an item of an attribute", (span) => span.setAttribute("a", ["x", "sk_live_51HAt7"])],
  ["a number", (span) => span.setAttribute("a", 1234567890)],
  ["a number among others", (span) => span.setAttribute("a", [1, 1234567890])],
  ["an event", (span) => span.addEvent("sk_live_51HAt7")],
  ["an attribute of an event", (span) => span.addEvent("e", { a: "sk_live_51HAt7" })],
  [
    "an attribute of a link",
    (span) =>
      span.addLink({
        context: {
          traceId: "1".repeat(32),
          spanId: "1".repeat(16),
          traceFlags: TraceFlags.SAMPLED,
        },
        attributes: { a: "sk_live_51HAt7" },
      }),
  ],
])("a secret in %s is masked, beside spans that hold none", (_, fill) => {
  const [before, masked, after] = maskedSpans(
    [ended("one"), ended("two", fill), ended("three")],
    mask,
  );
  expect(textsOf(masked!)).toMatch(/\[secret (TOKEN|PIN)\]/);
  expect(textsOf(masked!)).not.toMatch(/sk_live_51HAt7|1234567890/);
  expect([before!.name, after!.name]).toEqual(["one", "three"]);
});

test("what holds no secret is handed on as it is", () => {
  const attributes = { text: "x", count: 3, ok: true, list: ["a", "b"], counts: [1, 2] };
  const spans = [ended("one", (span) => span.setAttributes(attributes)), ended("sk_live_51HAt7")];
  const [plain, masked] = maskedSpans(spans, mask);
  expect(plain).toBe(spans[0]);
  expect(plain!.attributes).toEqual(attributes);
  expect(masked!.name).toBe("[secret TOKEN]");
  expect(masked!.spanContext()).toEqual(spans[1]!.spanContext());
});

test("of a span that holds one, what is none stays a number", () => {
  const [masked] = maskedSpans(
    [ended("sk_live_51HAt7", (span) => span.setAttributes({ count: 3, ok: true, list: [1, 2] }))],
    mask,
  );
  expect(masked!.attributes).toEqual({ count: 3, ok: true, list: [1, 2] });
});

test("what the limit of a value has left of a secret is masked, and what it has left of anything else stays", () => {
  const cut = `${"x".repeat(1014)}sk_live_51HAt7`;
  const [span] = maskedSpans(
    [
      ended("long", (span) => {
        span.setAttributes({
          a: cut,
          b: ["y", cut],
          c: "z".repeat(2000),
          d: "sk_live_51 is short",
        });
        span.addEvent("e", { a: cut });
      }),
    ],
    mask,
  );
  const masked = `${"x".repeat(1014)}[secret TOKEN]`;
  expect(span!.attributes).toEqual({
    a: masked,
    b: ["y", masked],
    c: "z".repeat(1024),
    d: "sk_live_51 is short",
  });
  expect(span!.events[0]!.attributes).toEqual({ a: masked });
});

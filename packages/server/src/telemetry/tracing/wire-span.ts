import {
  type AttributeValue,
  type Attributes,
  type HrTime,
  type Link,
  type SpanContext,
  type SpanKind,
  TraceFlags,
  createTraceState,
} from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";

/** A span that has ended, as it crosses from where it was made. Plain data. */
export interface WireSpan {
  readonly name: string;
  readonly kind: number;
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  readonly parentId: string | null;
  readonly state: string | null;
  readonly start: HrTime;
  readonly end: HrTime;
  readonly status: { readonly code: number; readonly message?: string | undefined };
  readonly attributes: Attributes;
  readonly events: readonly {
    readonly name: string;
    readonly time: HrTime;
    readonly attributes: Attributes;
  }[];
  readonly links: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly attributes: Attributes;
  }[];
  /** What has made it. */
  readonly scope: { readonly name: string; readonly version?: string | undefined };
}

const MAX_TEXT = 1024;
const MAX_ATTRIBUTES = 64;
const MAX_PARTS = 64;

export function toWireSpan(span: ReadableSpan): WireSpan {
  const { traceId, spanId, traceState } = span.spanContext();
  const { name, kind, startTime, endTime, status, attributes, events, links } = span;
  return {
    ...{ name, kind, traceId, spanId, status, attributes },
    parentId: span.parentSpanContext?.spanId ?? null,
    state: traceState?.serialize() || null,
    ...{ start: startTime, end: endTime },
    events: events.map(({ name, time, attributes = {} }) => ({ name, time, attributes })),
    links: links.map(({ context, attributes = {} }) => ({
      ...{ traceId: context.traceId, spanId: context.spanId, attributes },
    })),
    scope: { name: span.instrumentationScope.name, version: span.instrumentationScope.version },
  };
}

/**
 * The span again, of this process. Whatever crossed is read anew, and cut to what a span may have: the other side is the handler's.
 *
 * @returns undefined for what is no span
 */
export function fromWireSpan(
  wire: WireSpan,
  resource: ReadableSpan["resource"],
): ReadableSpan | undefined {
  const spanContext = contextOf(wire.traceId, wire.spanId, wire.state);
  const start = timeOf(wire.start);
  const end = timeOf(wire.end);
  if (!spanContext || !start || !end) return undefined;
  const parent = wire.parentId === null ? undefined : contextOf(wire.traceId, wire.parentId, null);
  const { code, message } = wire.status;
  return {
    name: text(wire.name),
    kind: ([0, 1, 2, 3, 4].includes(wire.kind) ? wire.kind : 0) as SpanKind,
    spanContext: () => spanContext,
    ...(parent && { parentSpanContext: parent }),
    startTime: start,
    endTime: end,
    duration: lengthOf(start, end),
    status: {
      code: [0, 1, 2].includes(code) ? code : 0,
      ...(message !== undefined && { message: text(message) }),
    },
    attributes: attributesOf(wire.attributes),
    events: wire.events.slice(0, MAX_PARTS).map(({ name, time, attributes }) => ({
      ...{ name: text(name), time: timeOf(time) ?? end, attributes: attributesOf(attributes) },
      droppedAttributesCount: 0,
    })),
    links: wire.links.slice(0, MAX_PARTS).flatMap(({ traceId, spanId, attributes }): Link[] => {
      const context = contextOf(traceId, spanId, null);
      return context ? [{ context, attributes: attributesOf(attributes) }] : [];
    }),
    ended: true,
    resource,
    instrumentationScope: {
      name: text(wire.scope.name),
      ...(wire.scope.version !== undefined && { version: text(wire.scope.version) }),
    },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

function contextOf(traceId: string, spanId: string, state: string | null): SpanContext | undefined {
  if (!/^[0-9a-f]{32}$/.test(traceId) || !/^[0-9a-f]{16}$/.test(spanId)) return undefined;
  return {
    ...{ traceId, spanId, traceFlags: TraceFlags.SAMPLED },
    ...(state !== null && { traceState: createTraceState(text(state)) }),
  };
}

function timeOf(time: HrTime): HrTime | undefined {
  const [seconds, nanos] = time;
  const valid = Number.isSafeInteger(seconds) && Number.isSafeInteger(nanos);
  return valid && seconds >= 0 && nanos >= 0 && nanos < 1e9 ? [seconds, nanos] : undefined;
}

function lengthOf([from, fromNanos]: HrTime, [to, toNanos]: HrTime): HrTime {
  const nanos = toNanos - fromNanos;
  return nanos < 0 ? [Math.max(0, to - from - 1), nanos + 1e9] : [Math.max(0, to - from), nanos];
}

function attributesOf(given: Attributes): Attributes {
  const known = Object.entries(given).flatMap(([key, value]): [string, AttributeValue][] => {
    const read = valueOf(value);
    return read === undefined ? [] : [[text(key), read]];
  });
  return Object.fromEntries(known.slice(0, MAX_ATTRIBUTES));
}

function valueOf(value: unknown): AttributeValue | undefined {
  if (typeof value === "string") return text(value);
  if (typeof value === "number" || typeof value === "boolean") return value;
  if (!Array.isArray(value)) return undefined;
  return value.slice(0, MAX_PARTS).map((item) => text(String(item)));
}

function text(given: string): string {
  return String(given).slice(0, MAX_TEXT);
}

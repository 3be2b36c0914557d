import {
  type Span,
  type SpanContext,
  TraceFlags,
  context,
  createTraceState,
  trace,
} from "@opentelemetry/api";
import { type TraceContext, traceContextText } from "@millrace/core";

/** The span that is under way here, in a trace that is recorded; where nobody traces there is none, and asking costs next to nothing. */
export function sampledSpan(): Span | undefined {
  const span = trace.getSpan(context.active());
  return span && (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0 ? span : undefined;
}

/** What a run that is asked for here and now carries; undefined where the trace, if there is one, is not recorded. */
export function carriedHere(): string | undefined {
  const span = sampledSpan();
  return span && carriedBy(span.spanContext());
}

/** The W3C Trace Context headers of a request that is made here and now; none where the trace, if there is one, is not recorded. */
export function carriedHeaders(): [name: string, value: string][] {
  const [parent, state] = (carriedHere() ?? "").split(/ (.*)/);
  if (!parent) return [];
  return [["traceparent", parent], ...(state ? [["tracestate", state] as [string, string]] : [])];
}

/** What a run carries that this span asks for. */
export function carriedBy(span: SpanContext): string | undefined {
  const { traceId, spanId, traceFlags, traceState } = span;
  if ((traceFlags & TraceFlags.SAMPLED) === 0) return undefined;
  return traceContextText({
    ...{ traceId, spanId, flags: traceFlags & 0xff, linked: false },
    state: traceState?.serialize() || undefined,
  });
}

/** A span of elsewhere, to be the parent of one here, or to be linked. */
export function spanContextOf({ traceId, spanId, flags, state }: TraceContext): SpanContext {
  return {
    ...{ traceId, spanId, traceFlags: flags, isRemote: true },
    ...(state !== undefined && { traceState: createTraceState(state) }),
  };
}

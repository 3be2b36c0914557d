import { type Span, type SpanOptions, SpanStatusCode, context, trace } from "@opentelemetry/api";
import { sampledSpan } from "./carried.ts";

/** Under which name spans of ours are known. */
export const TRACER = "millrace";

/**
 * Does something within a span, where a span of a recorded trace is under way; else it is simply done. A failure is noted by its class alone: what it
 * says may be anything.
 *
 * @param work is given the span, to add to it
 */
export async function inSpan<T>(
  name: string,
  options: SpanOptions,
  work: (span?: Span) => Promise<T>,
): Promise<T> {
  if (!sampledSpan()) return work();
  const span = trace.getTracer(TRACER).startSpan(name, options);
  try {
    return await context.with(trace.setSpan(context.active(), span), work, undefined, span);
  } catch (error) {
    failSpan(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/** Notes that what the span is about has failed. */
export function failSpan(span: Span, error: unknown): void {
  span.setAttribute("error.type", classOf(error));
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** What was thrown may throw when it is looked at. */
function classOf(error: unknown): string {
  try {
    if (!(error instanceof Error)) return typeof error;
    return /^[\w.$]{1,100}$/.test(error.name) ? error.name : "Error";
  } catch {
    return "Error";
  }
}

import { randomBytes } from "node:crypto";
import { carriedHeaders } from "../tracing/carried.ts";

const TRACEPARENT = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * The W3C Trace Context headers of a request: those of the span that is under way. Where nothing is traced, all requests of a run are of one trace
 * nevertheless ({@link traceIdOf}).
 */
export function traceHeaders(
  runId: string,
  correlationId: string | undefined,
): [name: string, value: string][] {
  const carried = carriedHeaders();
  if (carried.length > 0) return carried;
  const trace = traceIdOf(runId, correlationId);
  return [["traceparent", `00-${trace}-${randomBytes(8).toString("hex")}-01`]];
}

/** The trace of a run where nothing is traced: that of its correlation id where this is a traceparent itself, else the run's id. */
export function traceIdOf(runId: string, correlationId: string | undefined): string {
  const given = TRACEPARENT.exec(correlationId ?? "")?.[1];
  return given ?? runId.replaceAll("-", "").toLowerCase();
}

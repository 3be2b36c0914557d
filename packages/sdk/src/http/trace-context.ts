import { randomBytes } from "node:crypto";
import { carriedHeaders } from "../tracing/carried.ts";

const TRACEPARENT = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * The W3C Trace Context headers of a request: those of the span that is under way. Where nothing is traced, all requests of a run are of one trace
 * nevertheless: that of its correlation id where this is a traceparent itself, else the run's id.
 */
export function traceHeaders(
  runId: string,
  correlationId: string | undefined,
): [name: string, value: string][] {
  const carried = carriedHeaders();
  if (carried.length > 0) return carried;
  const given = TRACEPARENT.exec(correlationId ?? "")?.[1];
  const trace = given ?? runId.replaceAll("-", "").toLowerCase();
  return [["traceparent", `00-${trace}-${randomBytes(8).toString("hex")}-01`]];
}

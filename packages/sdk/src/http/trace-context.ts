import { randomBytes } from "node:crypto";

const TRACEPARENT = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The W3C `traceparent` of a request. */
export function traceparentOf(runId: string, correlationId: string | undefined): string {
  return `00-${traceIdOf(runId, correlationId)}-${randomBytes(8).toString("hex")}-01`;
}

/** All requests of a run are of one trace, that of its correlation id where this is a traceparent itself, else the run's id. */
export function traceIdOf(runId: string, correlationId: string | undefined): string {
  const given = TRACEPARENT.exec(correlationId ?? "")?.[1];
  return given ?? runId.replaceAll("-", "").toLowerCase();
}

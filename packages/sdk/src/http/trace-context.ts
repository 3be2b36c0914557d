import { randomBytes } from "node:crypto";

const TRACEPARENT = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * The W3C `traceparent` of a request: all requests of a run are of one trace, that of its correlation id where this is a traceparent itself,
 * else the run's id.
 */
export function traceparentOf(runId: string, correlationId: string | undefined): string {
  const given = TRACEPARENT.exec(correlationId ?? "")?.[1];
  const trace = given ?? runId.replaceAll("-", "").toLowerCase();
  return `00-${trace}-${randomBytes(8).toString("hex")}-01`;
}

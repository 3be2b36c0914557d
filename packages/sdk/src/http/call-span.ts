import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { sampledSpan } from "../tracing/carried.ts";
import { inSpan } from "../tracing/in-span.ts";
import type { Hop } from "./hop.ts";

const DEFAULT_PORTS: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

/**
 * Sends something once, within a span of its own where the attempt is traced. Of the address it has the host alone: paths and query strings hold ids of
 * people, and tokens.
 *
 * @param tries which sending of the call this is, from 1
 * @param send tells the status of the answer
 */
export function inCallSpan<T>(
  { method, url }: Hop,
  tries: number,
  send: (answered: (status: number) => void) => Promise<T>,
): Promise<T> {
  if (!sampledSpan()) return send(() => {});
  const attributes = {
    "http.request.method": method,
    "server.address": url.hostname,
    "server.port": url.port === "" ? DEFAULT_PORTS[url.protocol] : Number(url.port),
    "url.scheme": url.protocol.slice(0, -1),
    ...(tries > 1 && { "http.request.resend_count": tries - 1 }),
  };
  return inSpan(method, { kind: SpanKind.CLIENT, attributes }, (span) =>
    send((status) => {
      span?.setAttribute("http.response.status_code", status);
      if (status < 400) return;
      span?.setAttribute("error.type", String(status));
      span?.setStatus({ code: SpanStatusCode.ERROR });
    }),
  );
}

import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  context,
  propagation,
  trace,
} from "@opentelemetry/api";
import { TRACER } from "@millrace/sdk/tracing";
import type { FastifyInstance, FastifyRequest } from "fastify";

declare module "fastify" {
  interface FastifyRequest {
    /** In which it is handled; undefined where nobody traces. */
    traced: Context | undefined;
  }
}

/** What asks every few seconds whether the server lives would fill whatever collects traces. */
const UNTRACED = new Set(["/healthz", "/metrics"]);

/** Others are made up by whoever asks. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/**
 * Gives each request a span, which goes on with the caller's trace where the request says one. The span is named by the route, and says nothing of path
 * and query string: there are ids of people in them, and tokens.
 */
export function traceRequests(app: FastifyInstance): void {
  app.decorateRequest("traced", undefined);
  app.addHook("onRequest", (request, _reply, done) => {
    request.traced = begin(request);
    done();
  });
  // Where a body has been read, what runs is the connection's: so the span is made the active one after that.
  app.addHook("preHandler", (request, _reply, done) => {
    if (request.traced) context.with(request.traced, done);
    else done();
  });
  app.addHook("onResponse", async (request, { statusCode }) => {
    const span = request.traced && trace.getSpan(request.traced);
    if (span) end(span, statusCode);
  });
}

/** Of its span, whether or not that is recorded. */
export function traceIdOf({ traced }: FastifyRequest): string | undefined {
  return traced && trace.getSpanContext(traced)?.traceId;
}

function begin(request: FastifyRequest): Context | undefined {
  const { method = "", headers } = request.raw;
  const route = request.routeOptions.url;
  if (route !== undefined && UNTRACED.has(route)) return undefined;
  const known = METHODS.has(method) ? method : "_OTHER";
  const parent = propagation.extract(ROOT_CONTEXT, headers);
  const attributes = {
    "http.request.method": known,
    "url.scheme": request.protocol,
    "millrace.request_id": request.id,
    ...(route !== undefined && { "http.route": route }),
  };
  const name = route === undefined ? known : `${known} ${route}`;
  const options = { kind: SpanKind.SERVER, attributes };
  return trace.setSpan(parent, trace.getTracer(TRACER).startSpan(name, options, parent));
}

function end(span: Span, status: number): void {
  span.setAttribute("http.response.status_code", status);
  if (status >= 500) {
    span.setAttribute("error.type", String(status));
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}

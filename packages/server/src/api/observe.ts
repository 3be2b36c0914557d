import type { FastifyReply, FastifyRequest } from "fastify";
import { BoundedLabel, Counter, Histogram, type Registry } from "../telemetry/metrics.ts";
import { traceIdOf } from "./trace-requests.ts";
import type { Logger } from "../telemetry/logger.ts";

/** What the API counts and logs. */
export class Observer {
  readonly #logger: Logger;
  readonly #accepted: Counter<"job_name">;
  readonly #requests: Counter<"method" | "route" | "status">;
  readonly #durations: Histogram<"method" | "route">;
  readonly #jobs = new BoundedLabel();

  constructor(registry: Registry, logger: Logger) {
    const registers = [registry];
    this.#logger = logger;
    this.#accepted = new Counter({
      name: "millrace_runs_accepted_total",
      help: "New runs that this process accepted over HTTP, reruns not counted",
      labelNames: ["job_name"],
      registers,
    });
    this.#requests = new Counter({
      name: "millrace_http_requests_total",
      help: "HTTP requests that were answered",
      labelNames: ["method", "route", "status"],
      registers,
    });
    this.#durations = new Histogram({
      name: "millrace_http_request_duration_seconds",
      help: "Time from the first line of a request to the end of its answer",
      labelNames: ["method", "route"],
      registers,
    });
  }

  accepted(job: string): void {
    this.#accepted.inc({ job_name: this.#jobs.of(job) });
  }

  /** One line a request, quiet when all is well: at thousands a second the lines would cost more than the answers. */
  answered(request: FastifyRequest, reply: FastifyReply): void {
    const { method } = request.raw;
    const status = reply.statusCode;
    // The pattern, not the path: ids in a label would be a series each.
    const route = request.routeOptions.url ?? "unmatched";
    const known = { method: route === "unmatched" ? "any" : (method ?? ""), route };
    this.#requests.inc({ ...known, status });
    // A stream ends when its client likes.
    if (!isStream(reply)) this.#durations.observe(known, reply.elapsedTime / 1000);

    // That the server is not well is said by what is not well; a probe every second need not repeat it.
    const probe = route === "/healthz" || route === "/readyz";
    const level = probe || status < 400 ? "debug" : status >= 500 ? "error" : "info";
    if (!this.#logger.isLevelEnabled(level)) return;
    const { failure } = request;
    const traceId = traceIdOf(request);
    this.#logger[level](
      {
        event: "http.request",
        requestId: request.id,
        caller: request.caller?.name,
        ...(traceId !== undefined && { trace_id: traceId }),
        method,
        // Without the query string: people put secrets there.
        path: request.raw.url?.split("?", 1)[0]?.slice(0, 200),
        status,
        ms: Math.round(reply.elapsedTime * 10) / 10,
        ...(failure && { code: failure.code }),
        ...(failure && status >= 500 && { err: failure.cause ?? failure }),
      },
      "request",
    );
  }
}

function isStream(reply: FastifyReply): boolean {
  return String(reply.getHeader("content-type")).startsWith("text/event-stream");
}

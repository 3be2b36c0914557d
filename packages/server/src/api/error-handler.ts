import { randomUUID } from "node:crypto";
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { type ErrorCode, MillraceError } from "@millrace/core";
import type { FastifyReply, FastifyRequest } from "fastify";
import { PROBLEM_TYPE, problemOf, toMillraceError } from "./problem.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** What went wrong, for the log. */
    failure: MillraceError | undefined;
  }
}

/** After how many seconds it may go well. */
const RETRY_AFTER: Partial<Record<ErrorCode, number>> = {
  rate_limited: 1,
  request_in_progress: 1,
  queue_full: 5,
  too_many_streams: 5,
  webhook_not_now: 60,
};

/** Answers a request that failed, in one form for all of them. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const told = toMillraceError(error, request.routeOptions.bodyLimit);
  request.failure = told;
  const problem = problemOf(told);
  const retryAfter = RETRY_AFTER[told.code] ?? (problem.status === 503 ? 1 : undefined);
  if (retryAfter !== undefined) reply.header("retry-after", String(retryAfter));
  // As bytes, so that no route's response schema can get between a failure and its report.
  void reply
    .code(problem.status)
    .type(PROBLEM_TYPE)
    .send(Buffer.from(JSON.stringify({ ...problem, requestId: request.id })));
}

export function notFound(): never {
  throw new MillraceError(
    "not_found",
    "there is nothing at this path; GET /docs lists what there is",
  );
}

/** Answers what is no HTTP request, or did not become one in time. No request exists, so it is written to the socket. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (socket.writable && error.code !== "ECONNRESET") {
    const problem = problemOf(clientError(error));
    const requestId = randomUUID();
    const body = JSON.stringify({ ...problem, requestId });
    socket.write(
      [
        `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
        `Content-Type: ${PROBLEM_TYPE}`,
        `Content-Length: ${Buffer.byteLength(body)}`,
        `X-Request-Id: ${requestId}`,
        "Connection: close",
        "",
        body,
      ].join("\r\n"),
    );
  }
  socket.destroy();
}

function clientError({ code }: NodeJS.ErrnoException): MillraceError {
  switch (code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new MillraceError(
        "request_timeout",
        "the request took too long to arrive; send it again",
      );
    case "HPE_HEADER_OVERFLOW":
      return new MillraceError("headers_too_large", "the headers have more than 16 KiB in all");
    default:
      return new MillraceError("invalid_request", "this is not an HTTP request that can be read");
  }
}

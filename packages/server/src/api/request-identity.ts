import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { MillraceError } from "@millrace/core";
import type { FastifyRequest } from "fastify";

/** What may go into logs and headers as it stands. */
const SAFE_ID = /^[\w.:/+=@-]{1,128}$/;

/** The caller's `X-Request-Id` when it is well-formed, else a new one. */
export function requestId(raw: IncomingMessage): string {
  const given = raw.headers["x-request-id"];
  return typeof given === "string" && SAFE_ID.test(given) ? given : randomUUID();
}

/**
 * The caller's `X-Correlation-Id`, which ties runs to what caused them.
 *
 * @throws MillraceError `invalid_request`
 */
export function correlationId(request: FastifyRequest): string | undefined {
  const given = request.headers["x-correlation-id"];
  if (given === undefined) return undefined;
  if (typeof given === "string" && SAFE_ID.test(given)) return given;
  throw new MillraceError(
    "invalid_request",
    "header X-Correlation-Id: use 1 to 128 letters, digits and . _ : / + = @ -",
  );
}

/**
 * The `Idempotency-Key` of a request.
 *
 * @throws MillraceError `invalid_request`
 */
export function idempotencyKey(request: FastifyRequest): string | undefined {
  const given = request.headers["idempotency-key"];
  if (given === undefined) return undefined;
  if (typeof given === "string" && given.length >= 1 && given.length <= 255) return given;
  throw new MillraceError("invalid_request", "header Idempotency-Key: use 1 to 255 characters");
}

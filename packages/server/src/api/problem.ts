import { STATUS_CODES } from "node:http";
import { ERROR_CODES, type ErrorCode, MillraceError } from "@millrace/core";
import type { Problem } from "@millrace/core/api";
import { isUnavailable, unavailable } from "../store/database.ts";

export const PROBLEM_TYPE = "application/problem+json";

/** A problem as it stands in a list of results; the answer to a whole request has its id besides. */
export type ItemProblem = Omit<Problem, "requestId">;

export function problemOf(error: MillraceError): ItemProblem {
  const { status, title } = ERROR_CODES[error.code];
  return {
    type: `/docs#error-${error.code}`,
    title,
    status,
    code: error.code,
    detail: error.message,
    ...(error.pointer !== undefined && { pointer: error.pointer }),
  };
}

/** What of an error may be told to the caller. The rest is in the log, under the request's id. */
export function toMillraceError(error: unknown, bodyLimit: number): MillraceError {
  if (error instanceof MillraceError) return error;
  const { code, statusCode, message } = error as Partial<HttpError>;
  const known = HTTP_ERRORS[code ?? ""];
  if (known) return new MillraceError(known[0], known[1](bodyLimit), { cause: error });
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new MillraceError("invalid_request", message ?? STATUS_CODES[statusCode] ?? "", {
      cause: error,
    });
  }
  if (isUnavailable(error)) return unavailable(error);
  return new MillraceError(
    "internal",
    "the request could not be carried out; the server's log has the reason under this requestId",
    { cause: error },
  );
}

/** An error as Fastify makes it. */
interface HttpError {
  code: string;
  statusCode: number;
  message: string;
}

const HTTP_ERRORS: Record<string, [ErrorCode, (bodyLimit: number) => string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [
    "payload_too_large",
    (limit) =>
      `the body is larger than the ${limit} bytes that are allowed here; send less at once, or store the data and pass a reference to it`,
  ],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    "unsupported_media_type",
    () => "send the body as JSON, with the header Content-Type: application/json",
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    "invalid_request",
    () => "the body has another length than its Content-Length says",
  ],
  FST_ERR_BAD_URL: ["not_found", () => "the path is not a valid URL path; GET /docs lists them"],
  FST_ERR_MAX_PARAM_LENGTH: ["not_found", () => "a part of the path is too long to name anything"],
};

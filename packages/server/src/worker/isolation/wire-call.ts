import { ERROR_CODES, type ErrorCode, MillraceError } from "@millrace/core";
import {
  type FetchInit,
  HttpError,
  type HttpErrorFacts,
  NoAnswerError,
  type NoAnswerFacts,
  isNonRetryable,
  nonRetryable,
} from "@millrace/sdk";
import { carriedHere } from "@millrace/sdk/tracing";
import { type FetchOrder, SecretHeader, type SecretHeaderParts } from "@millrace/sdk/http";

/** A body crosses in one piece, and no larger one. */
const MAX_CROSSING_BYTES = 8 * 1024 * 1024;

/** A call as it crosses to the worker, which makes it: secrets by their names. */
export interface WireOrder extends Omit<FetchOrder, "body"> {
  /** In base64. */
  readonly body: string | null;
  /** The span in which it is called, as a run carries one. */
  readonly trace?: string | undefined;
}

/** An answer as it crosses back. */
export interface WireResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly url: string;
  readonly redirected: boolean;
  /** In base64; null for none. */
  readonly body: string | null;
}

/** Why there is none. */
export type WireFailure =
  | { readonly http: HttpErrorFacts }
  | { readonly noAnswer: Omit<NoAnswerFacts, "cause"> }
  | { readonly code: ErrorCode | null; readonly message: string; readonly final: boolean };

/** @throws MillraceError `payload_too_large` */
export async function toWireOrder({ body, ...order }: FetchOrder): Promise<WireOrder> {
  const trace = carriedHere();
  if (body === null) return { ...order, body, trace };
  const bytes =
    body instanceof Uint8Array
      ? requireCrossing(Buffer.from(body), "the body of a request")
      : await crossing(body, "the body of a request");
  return { ...order, body: bytes.toString("base64"), trace };
}

/** As the handler gave it: whatever crossed is checked once more, for the other side is the handler's. */
export function initOf({ headers, body, timeoutMs, retry, ...order }: WireOrder): FetchInit {
  return {
    method: order.method,
    redirect: order.redirect,
    accept: order.accept,
    headers: headers.map(([name, value]): [string, string | SecretHeader] => [
      name,
      typeof value === "string" ? value : new SecretHeader(value satisfies SecretHeaderParts),
    ]),
    ...(body !== null && { body: new Uint8Array(Buffer.from(body, "base64")) }),
    ...(timeoutMs !== undefined && { timeout: `${timeoutMs}ms` }),
    ...(retry !== undefined && { retry }),
  };
}

/** @throws MillraceError `payload_too_large` */
export async function toWireResponse(response: Response): Promise<WireResponse> {
  const { status, statusText, url, redirected } = response;
  const bytes =
    response.body && (await crossing(response.body, `the answer of ${new URL(url).host}`));
  return {
    ...{ status, statusText, url, redirected },
    headers: [...response.headers],
    body: bytes && bytes.toString("base64"),
  };
}

export function responseOf({ body, url, redirected, ...head }: WireResponse): Response {
  const bytes = body === null ? null : Buffer.from(body, "base64");
  const response = new Response(bytes, {
    ...head,
    headers: head.headers.map(([name, value]): [string, string] => [name, value]),
  });
  Object.defineProperty(response, "url", { value: url });
  Object.defineProperty(response, "redirected", { value: redirected });
  return response;
}

export function toWireFailure(thrown: unknown): WireFailure {
  if (thrown instanceof HttpError) {
    const { method, host, path, tries, status, retryAfterMs, body } = thrown;
    return { http: { method, host, path, tries, status, retryAfterMs, body } };
  }
  if (thrown instanceof NoAnswerError) {
    const { method, host, path, tries, reason, what, retryAfterMs } = thrown;
    return { noAnswer: { method, host, path, tries, reason, what, retryAfterMs } };
  }
  const { message } = thrown instanceof Error ? thrown : new Error("the call has failed");
  const code = thrown instanceof MillraceError ? thrown.code : null;
  return { code, message, final: isNonRetryable(thrown) };
}

export function errorOf(failure: WireFailure): Error {
  // JSON leaves out what is undefined.
  if ("http" in failure) return new HttpError(failure.http);
  if ("noAnswer" in failure) return new NoAnswerError(failure.noAnswer);
  const { code, message, final } = failure;
  const known = code !== null && code in ERROR_CODES;
  const error = known ? new MillraceError(code, message) : new Error(message);
  return final ? nonRetryable(error) : error;
}

async function crossing(body: ReadableStream<Uint8Array>, what: string): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body as AsyncIterable<Uint8Array>) {
    parts.push(part);
    bytes += part.length;
    if (bytes > MAX_CROSSING_BYTES) throw tooLarge(what);
  }
  return Buffer.concat(parts);
}

function requireCrossing(bytes: Buffer, what: string): Buffer {
  if (bytes.length > MAX_CROSSING_BYTES) throw tooLarge(what);
  return bytes;
}

/** It would be as large in another attempt. */
function tooLarge(what: string): MillraceError {
  return nonRetryable(
    new MillraceError(
      "payload_too_large",
      `${what} has more than the ${MAX_CROSSING_BYTES / 1024 ** 2} MiB that cross between a worker and an isolated handler; let the job run inline, or ask for it in parts`,
    ),
  );
}

import type { Duration } from "@millrace/core";
import { MillraceError, toJsonText } from "@millrace/core";
import { nonRetryable } from "../errors.ts";
import {
  DEFAULT_POLICY,
  type FetchRetry,
  type FetchRetryOptions,
  fetchRetryOf,
  timeoutOf,
} from "./define-host.ts";
import {
  type HostSecret,
  type SecretHeader,
  type SecretHeaderParts,
  isHostSecret,
  isSecretHeader,
} from "./host-secret.ts";

/** What a header may be: text, a secret that is bound to hosts, or what {@link bearer} and {@link basic} make of one. */
export type FetchHeader = string | HostSecret | SecretHeader;

/** As with `fetch`; what is undefined in a record is left out. */
export type FetchHeaders =
  | Headers
  | Readonly<Record<string, FetchHeader | undefined>>
  | readonly (readonly [name: string, value: FetchHeader])[];

/** What may be sent. Streams are sent as they come, and once; anything else is read first, so that it can be sent again. */
export type FetchBody =
  | string
  | Uint8Array
  | ArrayBuffer
  | URLSearchParams
  | FormData
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>;

/** How something is asked for. */
export interface FetchInit {
  /** Default GET. */
  method?: string;
  headers?: FetchHeaders;
  /** A stream is sent once: a call with one is not tried again. */
  body?: FetchBody | null;
  /** Sent as JSON, with its content type. */
  json?: unknown;
  /** Aborted when the call is not wanted any more. The attempt's own signal is obeyed in any case. */
  signal?: AbortSignal | undefined;
  /** Three at the most are followed, each checked like the first. With `'manual'` it is the answer, with `'error'` an error. Default `'follow'`. */
  redirect?: "follow" | "manual" | "error";
  /** How long a try may take until its answer begins. Default: the host's, else `'30s'`. */
  timeout?: Duration;
  /** Default: the host's, else 3 tries. False for one. */
  retry?: FetchRetryOptions | false;
  /** Answers of 400 and more that are no error: these, or any. Default none: they are thrown as an {@link HttpError}. */
  accept?: readonly number[] | "any";
}

/**
 * `ctx.fetch`: like `fetch`, but within the limits of the host, tried again where that is safe, never to an address that an input should not
 * name, on record in the run's timeline, and with an error for what is no success.
 *
 * @throws HttpError for an answer of 400 or more that is not accepted
 * @throws NoAnswerError when there is none
 * @throws MillraceError `invalid_fetch`, `blocked_destination`, `destination_not_allowed`
 */
export type Fetch = (url: string | URL, init?: FetchInit) => Promise<Response>;

/** A call as it is carried out; but for a stream it can be told to another process. */
export interface FetchOrder {
  readonly url: string;
  readonly method: string;
  readonly headers: readonly (readonly [name: string, value: string | SecretHeaderParts])[];
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
  readonly redirect: "follow" | "manual" | "error";
  /** Undefined for the host's. */
  readonly timeoutMs: number | undefined;
  readonly retry: FetchRetryOptions | false | undefined;
  readonly accept: readonly number[] | "any";
}

const KNOWN = [
  ...["method", "headers", "body", "json", "signal", "redirect", "timeout", "retry", "accept"],
];

/** What is between two machines, and none of a caller's business; `host` would name another side than the one that was checked. */
const NOT_TO_SET = new Set([
  ...["connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization"],
  ...["te", "trailer", "transfer-encoding", "upgrade"],
]);

const NO_BODY = new Set(["GET", "HEAD"]);

/**
 * Checks a call, and reads its body, unless that is a stream.
 *
 * @throws MillraceError `invalid_fetch`, which says what is wrong
 */
export async function orderOf(given: string | URL, init: FetchInit = {}): Promise<FetchOrder> {
  const url = urlOf(given);
  const unknown = Object.keys(init).find((key) => !KNOWN.includes(key));
  if (unknown) refuse(`${unknown} is not an option; the options are ${KNOWN.join(", ")}`);
  const { redirect = "follow", accept = [], timeout, retry } = init;
  const method = methodOf(init.method ?? "GET");
  if (!["follow", "manual", "error"].includes(redirect)) {
    refuse(`redirect is follow, manual or error, not ${JSON.stringify(redirect)}`);
  }
  if (accept !== "any" && !(Array.isArray(accept) && accept.every(Number.isInteger))) {
    refuse(`accept is a list of statuses, such as [404], or "any"`);
  }
  const headers = headersOf(init.headers ?? {});
  const { body, type } = await bodyOf(init);
  if (body !== null && NO_BODY.has(method)) refuse(`a ${method} has no body`);
  if (type !== null && !headers.some(([name]) => name === "content-type")) {
    headers.push(["content-type", type]);
  }
  return {
    ...{ url, method, headers, body, redirect, accept },
    timeoutMs: timeout === undefined ? undefined : checked(() => timeoutOf(timeout, "timeout")),
    retry: retry === undefined ? undefined : retryOf(retry),
  };
}

/** @returns how often, and how soon, a call is tried */
export function retryOfOrder({ retry }: FetchOrder, base: FetchRetry): FetchRetry {
  return retry === undefined ? base : fetchRetryOf(retry, base, "retry");
}

function urlOf(given: unknown): string {
  if (given instanceof URL) return given.href;
  if (typeof given === "string") {
    if (URL.canParse(given)) return new URL(given).href;
    return refuse("it is no whole URL; write one such as https://api.crm.example/contacts");
  }
  return refuse("give a URL, as text or as a URL, and what else there is as the second argument");
}

function methodOf(given: unknown): string {
  if (typeof given !== "string" || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(given)) {
    return refuse(`method ${JSON.stringify(given)} is no method of HTTP`);
  }
  const method = given.toUpperCase();
  if (method.length > 20) refuse("method has more than 20 letters");
  if (["CONNECT", "TRACE", "TRACK"].includes(method)) refuse(`method ${method} is not sent`);
  return method;
}

function headersOf(given: FetchHeaders): [string, string | SecretHeaderParts][] {
  const list: Iterable<readonly [string, FetchHeader | undefined]> = isIterable(given)
    ? given
    : Object.entries(given);
  const headers: [string, string | SecretHeaderParts][] = [];
  for (const [name, value] of list) {
    if (value === undefined) continue;
    const lower = headerName(name);
    headers.push([lower, headerValue(lower, value)]);
  }
  return headers;
}

function isIterable(
  given: FetchHeaders,
): given is Headers | readonly (readonly [string, FetchHeader])[] {
  return Symbol.iterator in given;
}

function headerName(name: unknown): string {
  if (typeof name !== "string" || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
    return refuse(`${JSON.stringify(name)} is no name of a header`);
  }
  const lower = name.toLowerCase();
  if (NOT_TO_SET.has(lower)) refuse(`the header ${lower} is not to be set: the connection has it`);
  return lower;
}

function headerValue(name: string, value: unknown): string | SecretHeaderParts {
  if (isHostSecret(value)) return { form: "raw", secret: value.name };
  if (isSecretHeader(value)) return value.parts;
  if (typeof value !== "string") return refuse(`the header ${name} is a ${typeof value}, not text`);
  return requireHeaderText(name, value);
}

/** What the value is, is not said: it may be a credential. @throws MillraceError `invalid_fetch` */
export function requireHeaderText(name: string, value: string): string {
  // oxlint-disable-next-line no-control-regex -- just what HTTP does not allow
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return value.trim();
  return refuse(`the header ${name} has a character that HTTP does not allow there`);
}

interface ReadBody {
  readonly body: FetchOrder["body"];
  /** The content type that goes with it. */
  readonly type: string | null;
}

async function bodyOf({ body, json }: FetchInit): Promise<ReadBody> {
  if (json !== undefined) {
    if (body !== undefined && body !== null) refuse("give body or json, not both");
    const text = checked(() => toJsonText(json, "json"));
    return { body: new TextEncoder().encode(text), type: "application/json" };
  }
  if (body === undefined || body === null) return { body: null, type: null };
  if (body instanceof ReadableStream) return { body, type: null };
  if (isPlainBody(body)) {
    // What reads it knows its content type, too.
    const read = new Response(body as ConstructorParameters<typeof Response>[0]);
    const bytes = new Uint8Array(await read.arrayBuffer());
    return { body: bytes, type: read.headers.get("content-type") };
  }
  if (typeof body === "object" && Symbol.asyncIterator in body) {
    return { body: ReadableStream.from(body), type: null };
  }
  return refuse("body is neither text, bytes, a form nor a stream; for JSON, give it as json");
}

function isPlainBody(body: unknown): boolean {
  if (typeof body === "string" || body instanceof ArrayBuffer || ArrayBuffer.isView(body))
    return true;
  return [URLSearchParams, FormData, Blob].some((kind) => body instanceof kind);
}

function retryOf(given: FetchRetryOptions | false): FetchRetryOptions | false {
  if (given !== false && (typeof given !== "object" || given === null)) {
    refuse("retry is false, or options such as { maxAttempts: 5 }");
  }
  checked(() => fetchRetryOf(given, DEFAULT_POLICY.retry, "retry"));
  return given;
}

/** Whatever is wrong with an option is wrong with the call. */
function checked<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof MillraceError) refuse(error.message);
    throw error;
  }
}

/** No other attempt would call it otherwise. */
function refuse(why: string): never {
  throw nonRetryable(new MillraceError("invalid_fetch", `ctx.fetch: ${why}`));
}

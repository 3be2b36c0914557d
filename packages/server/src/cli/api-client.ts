import { type ErrorCode, MillraceError, readExactJson } from "@millrace/core";
import { Problem } from "@millrace/core/api";
import type { z } from "zod";
import { isLoopback } from "../runtime/loopback.ts";
import { readApiKey } from "./api-key.ts";
import type { Cli } from "./cli.ts";
import type { Settings } from "./settings.ts";

const ANSWER_WITHIN_MS = 30_000;

type Query = Record<string, string | number | undefined>;

/** The HTTP API of a server. Every failure is a MillraceError with the server's own code, or `server_unreachable`. */
export class ApiClient {
  readonly #base: string;
  readonly #key: string;

  constructor(base: string, key: string) {
    this.#base = base.replace(/\/+$/, "");
    this.#key = key;
  }

  /** @param path below `/api/v1/`; every part that is not ours goes through {@link segment} */
  get<T>(path: string, answer: z.ZodType<T>, query: Query = {}): Promise<T> {
    return this.#send("GET", withQuery(path, query), undefined, answer);
  }

  /**
   * The bytes of a stream of server-sent events, from behind the event of that id.
   *
   * @param signal ends the asking; who reads ends the reading
   */
  stream(
    path: string,
    query: Query,
    lastEventId: string | undefined,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array>> {
    const headers = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
    return this.#bytes(path, query, "text/event-stream", { headers, signal });
  }

  /** The bytes of lines of JSON, however many. */
  lines(path: string, query: Query): Promise<AsyncIterable<Uint8Array>> {
    return this.#bytes(path, query, "application/x-ndjson");
  }

  /** Text of a type, all of it. */
  async text(path: string, type: string): Promise<string> {
    const parts: Uint8Array[] = [];
    for await (const part of await this.#bytes(path, {}, type)) parts.push(part);
    return Buffer.concat(parts).toString();
  }

  async #bytes(
    path: string,
    query: Query,
    type: string,
    { headers = {}, signal }: { headers?: Record<string, string>; signal?: AbortSignal } = {},
  ): Promise<ReadableStream<Uint8Array>> {
    let response: Response;
    try {
      response = await fetch(`${this.#base}/api/v1/${withQuery(path, query)}`, {
        redirect: "error",
        headers: { authorization: `Bearer ${this.#key}`, accept: type, ...headers },
        signal: signal ?? null,
      });
    } catch (error) {
      throw unreachable(this.#base, error);
    }
    if (!response.ok) throw refusal(this.#base, response.status, parse(await response.text()));
    if (!response.headers.get("content-type")?.startsWith(type) || !response.body) {
      throw this.notUnderstood();
    }
    return response.body;
  }

  notUnderstood(): MillraceError {
    return new MillraceError(
      "server_unreachable",
      `what answers at ${this.#base} is not a Millrace server that this version understands; check MILLRACE_URL, and that both have the same version`,
    );
  }

  post<T>(path: string, body: object, answer: z.ZodType<T>): Promise<T> {
    return this.#send("POST", path, JSON.stringify(body), answer);
  }

  put<T>(path: string, body: object, answer: z.ZodType<T>): Promise<T> {
    return this.#send("PUT", path, JSON.stringify(body), answer);
  }

  patch<T>(path: string, body: object, answer: z.ZodType<T>): Promise<T> {
    return this.#send("PATCH", path, JSON.stringify(body), answer);
  }

  delete<T>(path: string, answer: z.ZodType<T>): Promise<T> {
    return this.#send("DELETE", path, undefined, answer);
  }

  /** For requests that are answered without a body. */
  async tell(path: string, body: object): Promise<void> {
    await this.#request("POST", path, JSON.stringify(body));
  }

  async #send<T>(
    method: string,
    path: string,
    body: string | undefined,
    answer: z.ZodType<T>,
  ): Promise<T> {
    const text = await this.#request(method, path, body);
    // Payloads to the last digit; what is no payload and still has such a number is what a double makes of it.
    for (const read of [readExactJson, JSON.parse]) {
      const result = answer.safeParse(parse(text, read));
      if (result.success) return result.data;
    }
    throw this.notUnderstood();
  }

  async #request(method: string, path: string, body: string | undefined): Promise<string> {
    const url = `${this.#base}/api/v1/${path}`;
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, {
        method,
        body: body ?? null,
        // A redirect could carry the key to another host.
        redirect: "error",
        headers: {
          authorization: `Bearer ${this.#key}`,
          accept: "application/json",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
      text = await response.text();
    } catch (error) {
      throw unreachable(this.#base, error);
    }
    if (response.ok) return text;
    throw refusal(this.#base, response.status, parse(text));
  }
}

function withQuery(path: string, query: Record<string, string | number | undefined>): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(
    given.map(([key, value]): [string, string] => [key, String(value)]),
  );
  return search.size > 0 ? `${path}?${search.toString()}` : path;
}

/** One part of a path, so that a name with a slash, or with dots alone, stays one part. */
export function segment(text: string): string {
  return encodeURIComponent(text).replaceAll(/^\.+$/g, (dots) => dots.replaceAll(".", "%2E"));
}

/**
 * A client of the server that the settings name: MILLRACE_URL and MILLRACE_API_KEY, else the one on this machine with
 * the key of its home.
 *
 * @throws MillraceError `unauthorized` when there is no key to be found
 */
export function apiClient(cli: Cli, settings: Settings = cli.settings()): ApiClient {
  const address = settings.url ?? localAddress(settings);
  const elsewhere = settings.url !== undefined && !isLocal(settings.url);
  if (elsewhere && settings.url?.startsWith("http:")) {
    cli.warn("MILLRACE_URL is not https: the API key crosses the network in the clear");
  }
  // The key of this installation must not be shown to another machine.
  const key = settings.apiKey ?? (elsewhere ? undefined : readApiKey(settings.home));
  if (key !== undefined) return new ApiClient(address, key);
  throw new MillraceError(
    "unauthorized",
    elsewhere
      ? "MILLRACE_URL names another machine, so its key must be given: set MILLRACE_API_KEY"
      : `there is no API key in ${settings.home}; start the server with millrace start, name its folder in MILLRACE_HOME, or set MILLRACE_API_KEY`,
  );
}

/** Where a server of these settings answers on this machine. */
export function localAddress({ host, port }: Settings): string {
  const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}

function isLocal(url: string): boolean {
  return isLoopback(new URL(url).hostname);
}

function parse(text: string, read: (text: string) => unknown = JSON.parse): unknown {
  try {
    return read(text);
  } catch {
    return undefined;
  }
}

function unreachable(base: string, error: unknown): MillraceError {
  const late = error instanceof DOMException && error.name === "TimeoutError";
  const cause = error instanceof Error ? error.cause : undefined;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  const what = late ? `no answer from ${base} within 30 s` : `nothing answers at ${base}`;
  return new MillraceError(
    "server_unreachable",
    `${what}${code ? ` (${code})` : ""}; start the server with millrace start, or set MILLRACE_URL (or MILLRACE_PORT) to where it is`,
    { cause: error },
  );
}

function refusal(base: string, status: number, body: unknown): MillraceError {
  const problem = Problem.safeParse(body);
  if (!problem.success) {
    return new MillraceError(
      "server_unreachable",
      `what answers at ${base} is not Millrace (it said ${status}); check MILLRACE_URL and MILLRACE_PORT`,
    );
  }
  const { code, detail, pointer } = problem.data;
  const hint: Partial<Record<ErrorCode, string>> = {
    unauthorized: "; the key comes from MILLRACE_API_KEY, else from api-key in MILLRACE_HOME",
  };
  return new MillraceError(code, `${detail}${hint[code] ?? ""}`, { pointer });
}

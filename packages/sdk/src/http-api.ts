import { setTimeout as pause } from "node:timers/promises";
import { ERROR_CODES, type ErrorCode, MillraceError } from "@millrace/core";
import type { Problem } from "@millrace/core/api";

import { timeLimit } from "./http/time-limit.ts";
import { carriedHeaders } from "./tracing/carried.ts";

export interface HttpApiOptions {
  url: string;
  key: string | undefined;
  fetch: typeof fetch;
}

export interface ApiCall {
  method: "GET" | "POST";
  /** Begins with a slash. */
  path: string;
  /** JSON text. */
  body?: string;
  /** Whether the server does the same when it gets this twice. */
  repeatable: boolean;
  signal?: AbortSignal | undefined;
}

/** A request that takes longer has failed: no statement of the server may take more than 30 s. */
const REQUEST_TIMEOUT_MS = 40_000;

const MAX_TRIES = 5;
const FIRST_WAIT_MS = 100;

/** The statuses of a server, or of a proxy before it, that is away for a moment. */
const AWAY = [502, 503, 504];

/** Of a caller who asks too often. */
const TOO_MANY = 429;

/** Requests to a Millrace server, and what becomes of their answers. */
export class HttpApi {
  readonly #base: string;
  readonly #key: string | undefined;
  readonly #fetch: typeof fetch;

  /** @throws MillraceError `invalid_setting` */
  constructor({ url, key, fetch }: HttpApiOptions) {
    this.#base = baseOf(url);
    this.#key = key;
    this.#fetch = fetch;
  }

  /**
   * @returns the parsed answer
   * @throws MillraceError with the code of the server's problem; `server_unreachable`, after five tries for what is
   *   repeatable; `rate_limited` after five tries; `unauthorized` when there is no key
   */
  async call(call: ApiCall): Promise<unknown> {
    for (let tries = 1; ; tries++) {
      const answer = await this.#try(call);
      if ("body" in answer) return answer.body;
      const safe = call.repeatable || answer.refused;
      const again = answer.away && safe && tries < MAX_TRIES;
      if (!again) throw answer.error;
      const wait = answer.waitMs + Math.random() * FIRST_WAIT_MS * 2 ** (tries - 1);
      await pause(wait, undefined, { signal: call.signal }).catch(() => {});
      call.signal?.throwIfAborted();
    }
  }

  async #try(call: ApiCall): Promise<Answer> {
    const { method, path, body, signal } = call;
    const limit = timeLimit(REQUEST_TIMEOUT_MS, signal);
    try {
      const response = await this.#fetch(`${this.#base}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${this.#requireKey()}`,
          ...(body !== undefined && { "content-type": "application/json" }),
          ...Object.fromEntries(carriedHeaders()),
        },
        ...(body !== undefined && { body }),
        signal: limit.signal,
        // The key is for this server; where it would send us, we do not follow.
        redirect: "error",
      });
      const text = await response.text();
      if (response.ok) return { body: text === "" ? undefined : (JSON.parse(text) as unknown) };
      return {
        away: AWAY.includes(response.status) || response.status === TOO_MANY,
        // Nothing was done, so it may be asked again, whatever it was.
        refused: response.status === TOO_MANY,
        waitMs: retryAfterMs(response.headers.get("retry-after")),
        error: problemError(response.status, text, `${method} ${path}`),
      };
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof MillraceError) throw error;
      return { away: true, refused: false, waitMs: 0, error: this.#unreachable(call, error) };
    } finally {
      limit.clear();
    }
  }

  #requireKey(): string {
    if (this.#key) return this.#key;
    throw new MillraceError(
      "unauthorized",
      "the client has no API key; set MILLRACE_API_KEY, or pass it as createClient({ key })",
    );
  }

  #unreachable({ method, path, repeatable }: ApiCall, cause: unknown): MillraceError {
    const unsure =
      repeatable || method === "GET"
        ? ""
        : "; whether it did what was asked is not known, so look before you repeat it (an idempotencyKey makes asking for a run safe to repeat)";
    return new MillraceError(
      "server_unreachable",
      `no answer from ${this.#base} to ${method} ${path}: ${reasonOf(cause)}${unsure}`,
      { cause },
    );
  }
}

type Answer =
  | { body: unknown }
  | { away: boolean; refused: boolean; waitMs: number; error: MillraceError };

function baseOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.username || parsed.search) {
    throw new MillraceError(
      "invalid_setting",
      "the URL of the Millrace server must be like http://127.0.0.1:4700, without a key in it; set MILLRACE_URL or pass createClient({ url })",
    );
  }
  return `${parsed.origin}${parsed.pathname.replace(/\/+$/, "")}`;
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  return code ?? message;
}

function retryAfterMs(header: string | null): number {
  const seconds = Number(header ?? 0);
  return seconds > 0 && seconds <= 10 ? seconds * 1000 : 0;
}

function problemError(status: number, text: string, what: string): MillraceError {
  const problem = parseProblem(text);
  if (problem) return toError(problem);
  const code = AWAY.includes(status) ? "server_unreachable" : "internal";
  return new MillraceError(
    code,
    `${what} was answered with ${status}, and not by Millrace; is the URL that of the server?`,
  );
}

function parseProblem(text: string): Pick<Problem, "code" | "detail" | "pointer"> | undefined {
  try {
    const value = JSON.parse(text) as Partial<Problem> | null;
    if (typeof value?.code !== "string" || typeof value.detail !== "string") return undefined;
    return value as Problem;
  } catch {
    return undefined;
  }
}

/** The error behind a problem. A code of a newer server, which this client does not know, is `internal`. */
export function toError(problem: Pick<Problem, "code" | "detail" | "pointer">): MillraceError {
  const code: ErrorCode = Object.hasOwn(ERROR_CODES, problem.code) ? problem.code : "internal";
  return new MillraceError(code, problem.detail, { pointer: problem.pointer });
}

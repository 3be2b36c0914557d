import { MillraceError, formatDuration, retryDelayMs } from "@millrace/core";
import { errorChain } from "../errors.ts";
import type { WireAnswer } from "./connections.ts";
import type { FetchRetry, Host } from "./define-host.ts";
import { requireDestination } from "./destination.ts";
import { type FetchOrder, retryOfOrder } from "./fetch-order.ts";
import { type Hop, nextHop } from "./hop.ts";
import type { HostGate } from "./host-gate.ts";
import type { HostBound } from "./host-secret.ts";
import type { HttpClient, HttpTry } from "./http-client.ts";
import { type CallFacts, HttpError, NoAnswerError, type NoAnswerReason } from "./http-error.ts";
import { retryAfterOf } from "./retry-after.ts";
import { inCallSpan } from "./call-span.ts";
import { traceHeaders } from "./trace-context.ts";

const MAX_REDIRECTS = 3;

/** Answers after which the same may well be answered otherwise. */
const PASSING = new Set([408, 429, 500, 502, 503, 504]);

const SAFE_TO_REPEAT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** A host that asks for more is asked again all the same: it may have meant somebody else. */
const MAX_HOLD_MS = 600_000;

/** A body that says that it is so small is read with its headers: when it breaks off, that is the try's failure, and not the handler's. */
const READ_AT_ONCE_BYTES = 1024 * 1024;

/** What an error keeps of an answer. */
const KEPT_BYTES = 4096;
const KEPT_WITHIN_MS = 5000;

/** Statuses that have no body. */
const BODILESS = new Set([204, 205, 304]);

const MAX_PATH = 200;

/** A call as the timeline has it. */
export interface CallRecord extends CallFacts {
  /** Null when there was no answer. */
  readonly status: number | null;
  /** Why there was none, or why the answer did not count; null for one that did. */
  readonly error: string | null;
  /** With all tries and waits. */
  readonly ms: number;
}

/** On whose behalf something is called. */
export interface CallGround {
  readonly hosts: readonly Host[];
  /** The secrets of the job that are bound to hosts. */
  readonly secretOf: (name: string) => HostBound | undefined;
  /** Aborted when the attempt is to stop, and when it is over. */
  readonly signal: AbortSignal;
  readonly runId: string;
  readonly correlationId: string | undefined;
  readonly onCalled: (call: CallRecord) => void;
}

/** How one try ended. */
type End =
  | { readonly answer: WireAnswer }
  | {
      readonly failed: {
        readonly reason: NoAnswerReason;
        readonly what: string;
        readonly cause: unknown;
      };
    };

/** One call of a handler: as many tries and redirects as it takes. */
export class HttpCall {
  readonly #client: HttpClient;
  readonly #order: FetchOrder;
  readonly #ground: CallGround;
  readonly #signal: AbortSignal;
  #tries = 0;
  #status: number | null = null;

  /** @param own the call's own signal */
  constructor(client: HttpClient, order: FetchOrder, ground: CallGround, own?: AbortSignal) {
    this.#client = client;
    this.#order = order;
    this.#ground = ground;
    this.#signal = own ? AbortSignal.any([ground.signal, own]) : ground.signal;
  }

  async answer(): Promise<Response> {
    const { url: text, method, headers, body } = this.#order;
    const first: Hop = { url: new URL(text), method, headers, body };
    const beganAt = this.#client.clock.now();
    let error: string | null = null;
    try {
      this.#signal.throwIfAborted();
      return await this.#follow(first);
    } catch (thrown) {
      error = reasonText(thrown);
      throw thrown;
    } finally {
      const ms = Math.round(this.#client.clock.now() - beganAt);
      this.#ground.onCalled({ ...this.#facts(first), status: this.#status, error, ms });
    }
  }

  async #follow(first: Hop): Promise<Response> {
    let hop = first;
    for (let redirects = 0; ; redirects++) {
      const answer = await this.#tryUntilAnswered(hop);
      this.#status = answer.status;
      const next = this.#order.redirect === "manual" ? undefined : nextHop(hop, answer);
      if (!next) return this.#accepted(hop, answer, redirects > 0);
      await drop(answer);
      if (this.#order.redirect === "error") throw this.#refused(hop, answer, "");
      const what = this.#whyNotOn(next, redirects);
      if (what !== undefined) throw this.#noAnswer(hop, { reason: "redirected", what });
      hop = next;
    }
  }

  #whyNotOn({ body }: Hop, redirects: number): string | undefined {
    if (redirects === MAX_REDIRECTS) return `it sends on more than ${MAX_REDIRECTS} times`;
    if (!(body instanceof ReadableStream)) return undefined;
    return "it sends on, and the stream that was to be sent is used up";
  }

  async #tryUntilAnswered(hop: Hop): Promise<WireAnswer> {
    const { origin } = hop.url;
    const policy = this.#client.policyOf(origin);
    const retry = retryOfOrder(this.#order, policy.retry);
    const timeoutMs = this.#order.timeoutMs ?? policy.timeoutMs;
    for (let failures = 1; ; failures++) {
      const end = await this.#try(hop, this.#client.gateOf(origin), timeoutMs);
      const againMs = this.#againMs(hop, end, failures, retry, policy.maxWaitMs);
      if (againMs === undefined) {
        if ("answer" in end) return end.answer;
        throw this.#noAnswer(hop, end.failed);
      }
      if ("answer" in end) await drop(end.answer);
      await this.#client.clock.sleep(againMs, this.#signal);
    }
  }

  /** In how many milliseconds it is sent again; undefined for not again. */
  #againMs(
    hop: Hop,
    end: End,
    failures: number,
    retry: FetchRetry,
    longestMs: number,
  ): number | undefined {
    if (failures >= retry.maxAttempts || !mayRepeat(hop, retry)) return undefined;
    const delayMs = retryDelayMs(retry, failures, this.#client.random());
    if (!("answer" in end)) return delayMs;
    const { status } = end.answer;
    const { accept } = this.#order;
    const wanted = accept !== "any" && accept.includes(status);
    if (!PASSING.has(status) || wanted) return undefined;
    const askedMs = this.#retryAfter(end.answer);
    if (askedMs === undefined) return delayMs;
    // So long no worker waits: that is a matter of the run's own retries.
    return askedMs <= longestMs ? askedMs : undefined;
  }

  /** Sends it once. */
  async #try(hop: Hop, gate: HostGate, timeoutMs: number): Promise<End> {
    const { guard, clock } = this.#client;
    const { hosts, secretOf } = this.#ground;
    // Each time: the secret may have another value, and nothing of an address is believed for longer than a connection.
    const destination = requireDestination(hop, { guard, hosts, secretOf });
    const turnedAway = await gate.enter(this.#signal);
    if (turnedAway) {
      const { why: reason, afterMs } = turnedAway;
      this.#told(hop, reason, 0);
      throw this.#noAnswer(hop, { reason, what: WHY_NOT[reason], retryAfterMs: afterMs });
    }
    this.#tries++;
    const beganAt = clock.now();
    const end = await this.#send(hop, destination, timeoutMs).catch((error: unknown) => {
      gate.leave("left");
      this.#told(hop, "aborted", clock.now() - beganAt);
      throw error;
    });
    const outcome = outcomeOf(end);
    const failed = !("answer" in end) || end.answer.status >= 500;
    if ("answer" in end) this.#hold(gate, end.answer);
    if (gate.leave(failed ? "failed" : "succeeded")) this.#client.onOpen(hop.url.host);
    this.#told(hop, outcome, clock.now() - beganAt);
    return end;
  }

  async #send(
    hop: Hop,
    { trusted, headers }: ReturnType<typeof requireDestination>,
    timeoutMs: number,
  ): Promise<End> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), timeoutMs);
    const signal = AbortSignal.any([this.#signal, late.signal]);
    const { method, body } = hop;
    try {
      return await inCallSpan(hop, this.#tries, async (answered) => {
        const request = { method, body, headers: this.#withOurs(headers), signal };
        const answer = await this.#client.connections.send(hop.url, request, trusted);
        answered(answer.status);
        return { answer: await whole(answer, method) };
      });
    } catch (error) {
      this.#signal.throwIfAborted();
      if (late.signal.aborted) {
        const what = `no answer within ${formatDuration(timeoutMs)}`;
        return { failed: { reason: "timeout", what, cause: undefined } };
      }
      const ours = errorChain(error).find((one) => one instanceof MillraceError);
      if (ours) throw ours;
      const what = `the connection failed (${codeOf(error)})`;
      return { failed: { reason: "network", what, cause: error } };
    } finally {
      clearTimeout(timer);
    }
  }

  #withOurs(given: readonly (readonly [string, string])[]): (readonly [string, string])[] {
    const { runId, correlationId } = this.#ground;
    const ours: (readonly [string, string])[] = [
      ["user-agent", "millrace"],
      ...traceHeaders(runId, correlationId),
    ];
    if (correlationId !== undefined && /^[\x21-\x7e]+$/.test(correlationId)) {
      ours.push(["x-correlation-id", correlationId]);
    }
    const own = new Set(given.map(([name]) => name));
    return [...given, ...ours.filter(([name]) => !own.has(name))];
  }

  /** Who asks to be left alone for a while asks that of all calls here. */
  #hold(gate: HostGate, answer: WireAnswer): void {
    if (answer.status !== 429 && answer.status !== 503) return;
    const askedMs = this.#retryAfter(answer);
    if (askedMs !== undefined) gate.holdFor(Math.min(askedMs, MAX_HOLD_MS));
  }

  async #accepted(hop: Hop, answer: WireAnswer, redirected: boolean): Promise<Response> {
    const { accept } = this.#order;
    const { status } = answer;
    const wanted = status < 400 || accept === "any" || accept.includes(status);
    if (wanted && status < 600) return responseOf(hop, answer, redirected);
    throw this.#refused(hop, answer, await beginningOf(answer));
  }

  #refused(hop: Hop, answer: WireAnswer, body: string): HttpError {
    const { status } = answer;
    const retryAfterMs = this.#retryAfter(answer);
    return new HttpError({ ...this.#facts(hop), status, retryAfterMs, body });
  }

  #noAnswer(
    hop: Hop,
    {
      reason,
      what,
      retryAfterMs,
      cause,
    }: { reason: NoAnswerReason; what: string; retryAfterMs?: number; cause?: unknown },
  ): NoAnswerError {
    return new NoAnswerError({ ...this.#facts(hop), reason, what, retryAfterMs, cause });
  }

  #retryAfter({ headers }: WireAnswer): number | undefined {
    return retryAfterOf(headers.get("retry-after"), this.#client.clock.wall());
  }

  #facts({ url, method }: Hop): CallFacts {
    const { pathname } = url;
    const path = pathname.length > MAX_PATH ? `${pathname.slice(0, MAX_PATH)}… (cut)` : pathname;
    return { method, host: url.host, path, tries: this.#tries };
  }

  #told(hop: Hop, outcome: HttpTry["outcome"], ms: number): void {
    this.#client.onTry({ host: hop.url.host, outcome, ms });
  }
}

const WHY_NOT = {
  circuit_open: "it has failed too often, and is left alone for a while",
  busy: "its turn would not have come in time",
} as const;

function mayRepeat({ method, headers, body }: Hop, { anyMethod }: FetchRetry): boolean {
  if (body instanceof ReadableStream) return false;
  const keyed = headers.some(([name]) => name === "idempotency-key");
  return anyMethod || keyed || SAFE_TO_REPEAT.has(method);
}

function outcomeOf(end: End): HttpTry["outcome"] {
  if (!("answer" in end)) return end.failed.reason === "timeout" ? "timeout" : "network";
  const { status } = end.answer;
  if (status < 300) return "2xx";
  if (status < 400) return "3xx";
  return status < 500 ? "4xx" : "5xx";
}

/** Reads a body that says that it is small: then the connection is free again, whoever may or may not read it. */
async function whole(answer: WireAnswer, method: string): Promise<WireAnswer> {
  const { body, headers, status } = answer;
  if (method === "HEAD" || BODILESS.has(status) || body === null) {
    await drop(answer);
    return { ...answer, body: null };
  }
  const length = headers.get("content-length");
  const small = length !== null && Number(length) <= READ_AT_ONCE_BYTES;
  // What is packed may be large when it is unpacked.
  if (!small || headers.has("content-encoding")) return answer;
  return { ...answer, body: null, bytes: await new Response(body).arrayBuffer() };
}

function responseOf(hop: Hop, answer: WireAnswer, redirected: boolean): Response {
  const { status, statusText, headers, body, bytes } = answer;
  const response = new Response(bytes ?? body, { status, statusText, headers });
  Object.defineProperty(response, "url", { value: hop.url.href });
  Object.defineProperty(response, "redirected", { value: redirected });
  return response;
}

/** The status is what counts: what becomes of the rest changes nothing. */
async function beginningOf({ body, bytes: all }: WireAnswer): Promise<string> {
  if (all) return Buffer.from(all).subarray(0, KEPT_BYTES).toString("utf8");
  if (!body) return "";
  const reader = body.getReader();
  const late = setTimeout(() => void reader.cancel().catch(() => {}), KEPT_WITHIN_MS);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    while (bytes < KEPT_BYTES) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      bytes += value.length;
    }
  } catch {
    // Cut off, or too slow.
  }
  clearTimeout(late);
  await reader.cancel().catch(() => {});
  return Buffer.concat(parts).subarray(0, KEPT_BYTES).toString("utf8");
}

async function drop({ body }: WireAnswer): Promise<void> {
  await body?.cancel().catch(() => {});
}

/** `fetch failed` hides why in its causes. */
function codeOf(error: unknown): string {
  for (const one of errorChain(error).toReversed()) {
    const { code, errors } = one as { code?: unknown; errors?: { code?: unknown }[] };
    if (typeof code === "string") return code;
    const [first] = errors ?? [];
    if (typeof first?.code === "string") return first.code;
  }
  return (errorChain(error).at(-1) as Error).message;
}

/** For the timeline: the kind of it, and nothing that somebody else has written. */
function reasonText(thrown: unknown): string {
  if (thrown instanceof NoAnswerError) return thrown.reason;
  if (thrown instanceof HttpError) return `answered ${thrown.status}`;
  if (thrown instanceof MillraceError) return thrown.code;
  return "aborted";
}

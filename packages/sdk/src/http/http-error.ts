import { retryAfter } from "../errors.ts";

/*
 * Recognised by a mark, not by class identity: what is thrown in a worker is looked at by rules of a job, which may have another copy of this
 * package, and what a thread or process throws is made anew.
 */
const HTTP_ERROR = Symbol.for("millrace.HttpError");
const NO_ANSWER = Symbol.for("millrace.NoAnswerError");

/** A call as errors and the timeline tell of it. */
export interface CallFacts {
  readonly method: string;
  /** With its port, where that is not the usual one. */
  readonly host: string;
  /** Without the query. */
  readonly path: string;
  /** How often it was sent. */
  readonly tries: number;
}

/** What an {@link HttpError} tells. */
export interface HttpErrorFacts extends CallFacts {
  readonly status: number;
  /** What `Retry-After` asks for, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** The beginning of what the other side said, up to 4 KiB. It is not in the message: nobody knows what stands there. */
  readonly body: string;
}

/**
 * Thrown by `ctx.fetch` for an answer of 400 or more that the call does not accept. Its `Retry-After` holds for the next attempt of the run,
 * too, unless a rule of the job says otherwise.
 */
export class HttpError extends Error implements HttpErrorFacts {
  override readonly name = "HttpError";
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly tries: number;
  declare readonly body: string;

  constructor(facts: HttpErrorFacts) {
    super(`${calledText(facts)} answered ${facts.status}${triesText(facts)}`);
    this.status = facts.status;
    this.retryAfterMs = facts.retryAfterMs;
    this.method = facts.method;
    this.host = facts.host;
    this.path = facts.path;
    this.tries = facts.tries;
    // Nobody who prints the error wants a page of HTML.
    Object.defineProperty(this, "body", { value: facts.body });
    Object.defineProperty(this, HTTP_ERROR, { value: true });
    if (facts.retryAfterMs !== undefined) retryAfter(this, facts.retryAfterMs);
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return isMarked(value, HTTP_ERROR);
  }
}

/**
 * Why there is no answer: it took too long, the connection could not be made or broke, this process does not call the host for a while because
 * it fails (`circuit_open`), the call would have had to wait too long for its turn (`busy`), or it was sent on where it is not followed (`redirected`).
 */
export type NoAnswerReason = "timeout" | "network" | "redirected" | "circuit_open" | "busy";

/** What a {@link NoAnswerError} tells. */
export interface NoAnswerFacts extends CallFacts {
  readonly reason: NoAnswerReason;
  /** What happened, such as `ECONNRESET`, in words that hold nothing of the request. */
  readonly what: string;
  /** When it is worth another try, in milliseconds, where that is known. */
  readonly retryAfterMs: number | undefined;
  readonly cause?: unknown;
}

/** Thrown by `ctx.fetch` when there is no answer at all. */
export class NoAnswerError extends Error implements Omit<NoAnswerFacts, "cause"> {
  override readonly name = "NoAnswerError";
  readonly reason: NoAnswerReason;
  readonly what: string;
  readonly retryAfterMs: number | undefined;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly tries: number;

  constructor(facts: NoAnswerFacts) {
    super(
      `${calledText(facts)}: ${facts.what}${triesText(facts)}`,
      facts.cause === undefined ? {} : { cause: facts.cause },
    );
    this.reason = facts.reason;
    this.what = facts.what;
    this.retryAfterMs = facts.retryAfterMs;
    this.method = facts.method;
    this.host = facts.host;
    this.path = facts.path;
    this.tries = facts.tries;
    Object.defineProperty(this, NO_ANSWER, { value: true });
    if (facts.retryAfterMs !== undefined) retryAfter(this, facts.retryAfterMs);
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return isMarked(value, NO_ANSWER);
  }
}

function isMarked(value: unknown, mark: symbol): boolean {
  return typeof value === "object" && value !== null && mark in value;
}

function calledText({ method, host, path }: CallFacts): string {
  return `${method} ${host}${path}`;
}

function triesText({ tries }: CallFacts): string {
  return tries > 1 ? ` after ${tries} tries` : "";
}

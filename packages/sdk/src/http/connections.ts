import type { Agent, Pool, fetch } from "undici";
import type { OutboundGuard } from "./outbound-guard.ts";

/** A body of which nothing has come for so long is given up. */
const SILENT_BODY_MS = 60_000;

/** What is sent on a connection. */
export interface WireRequest {
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
  readonly signal: AbortSignal;
}

/** What came back: status, headers, and a body that is read as it comes. */
export interface WireAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array> | null;
  /** In its place, where it was read with the headers. */
  readonly bytes?: ArrayBuffer;
}

interface Loaded {
  readonly fetch: typeof fetch;
  /** Connects to whatever a name leads to. */
  readonly trusting: Agent;
  /** Connects to what the guard lets pass. */
  readonly guarded: Agent;
}

/** The connections of a process to other hosts, which are kept and used again. What the guard has let pass is what is connected to. */
export class Connections {
  readonly #guard: OutboundGuard;
  #loaded: Promise<Loaded> | undefined;

  constructor(guard: OutboundGuard) {
    this.#guard = guard;
  }

  /**
   * Sends a request once. A redirect is an answer like any other.
   *
   * @param trusted whether the host is named by code, and no guard looks at its addresses
   */
  async send(url: URL, request: WireRequest, trusted: boolean): Promise<WireAnswer> {
    const { fetch, trusting, guarded } = await (this.#loaded ??= this.#load());
    const { method, headers, body, signal } = request;
    const answer = await fetch(url, {
      method,
      headers: headers.map(([name, value]): [string, string] => [name, value]),
      redirect: "manual",
      signal,
      dispatcher: trusted ? trusting : guarded,
      ...(body !== null && { body }),
      ...(body instanceof ReadableStream && { duplex: "half" as const }),
    });
    const { status, statusText } = answer;
    return {
      ...{ status, statusText },
      headers: new Headers([...answer.headers]),
      body: answer.body as ReadableStream<Uint8Array> | null,
    };
  }

  /** Ends all, also those on which something is under way. */
  async close(): Promise<void> {
    const loaded = await this.#loaded;
    await Promise.all([loaded?.trusting.destroy(), loaded?.guarded.destroy()]);
  }

  /** When it is needed first: most jobs call nobody. */
  async #load(): Promise<Loaded> {
    const { Agent, Pool, fetch } = await import("undici");
    // The try has a timeout of its own, which begins before the connection does.
    const options = { headersTimeout: 0, bodyTimeout: SILENT_BODY_MS };
    return {
      fetch,
      trusting: new Agent(options),
      guarded: new Agent({
        ...options,
        factory: (origin, given) => {
          const connect = { lookup: this.#guard.lookupFor(new URL(origin)) };
          return new Pool(origin, { ...(given as Pool.Options), connect });
        },
      }),
    };
  }
}

import { Readable } from "node:stream";
import { MillraceError, withExactNumbers } from "@millrace/core";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { problemOf } from "./problem.ts";

/** Who leaves more than this unread is cut off. */
const MAX_UNREAD_BYTES = 1024 * 1024;

/** With so much unread, who can wait with the next event should. */
const ROOM_BYTES = 64 * 1024;

/** For so long a client waits before it asks again, unless it is told otherwise. */
const RETRY_MS = 1000;

export interface StreamEvent {
  /** What the client sends as `Last-Event-ID` when it comes back. One line. */
  id?: string;
  /** `message` unless given. */
  event?: string;
  /** Sent as JSON, in one line. */
  data: unknown;
}

/** Why a stream has ended. */
export type StreamEnd = "done" | "client" | "slow" | "refused" | "stopping" | "failed";

/** The answer of a route that streams, for its schema. */
export const STREAM_ANSWER = {
  description:
    "Server-sent events, whose data are JSON. A comment comes every 15 s when nothing else does. An event `problem` says why the stream ends; after one that is called `end` there is nothing more to ask for.",
  content: { "text/event-stream": { schema: z.string() } },
};

/**
 * Server-sent events to one client. What its reader does not take is kept up to 1 MiB; then the connection is cut. Whoever can read on later waits
 * for {@link room} instead.
 */
export class EventStream {
  /** What the answer consists of. */
  readonly body: Readable;
  readonly #ended = new AbortController();
  #reason: StreamEnd | undefined;
  #pushed = 0;
  #roomy: (() => void) | undefined;
  #roomAsked: Promise<void> | undefined;
  /** How much had been taken at the last look, and since when it is no more than that. */
  #seen = { taken: 0, at: 0 };
  #written: number;

  /** @param now of a clock that only grows, in milliseconds */
  constructor(now: number) {
    this.#written = now;
    this.body = new Readable({ highWaterMark: ROOM_BYTES, read: () => this.#makeRoom() });
    this.#push(`retry: ${RETRY_MS}\n\n`);
  }

  /** Aborted when there is nobody to send to any more. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** Why it has ended; undefined while it has not. */
  get reason(): StreamEnd | undefined {
    return this.#reason;
  }

  /** Does nothing when it has ended. */
  send(event: StreamEvent): void {
    this.#push(frameOf(event));
  }

  /** Whether the client has taken most of what it was sent. */
  get hasRoom(): boolean {
    return !this.#reason && this.body.readableLength < ROOM_BYTES;
  }

  /** Resolves when the client has taken most of what it was sent, or is gone. */
  room(): Promise<void> {
    if (this.#reason || this.hasRoom) return Promise.resolve();
    this.#roomAsked ??= new Promise((resolve) => (this.#roomy = resolve));
    return this.#roomAsked;
  }

  /** There is nothing more to come, ever: the client is told, and should not ask again. */
  end(data: unknown): void {
    this.#push(frameOf({ event: "end", data }));
    this.#finish("done");
  }

  /** The client is told why, and may ask again. */
  fail(error: MillraceError, reason: StreamEnd): void {
    this.#push(frameOf({ event: "problem", data: problemOf(error) }));
    this.#finish(reason);
  }

  /** The server stops. Clients come back at different times, and not all at once. */
  stop(): void {
    this.#push(`retry: ${Math.round(RETRY_MS / 4 + Math.random() * RETRY_MS)}\n\n`);
    this.#finish("stopping");
  }

  /** Without another word, and without waiting for a reader that takes nothing. */
  cut(reason: StreamEnd): void {
    this.#finish(reason);
    this.body.destroy();
  }

  /** The connection is gone. */
  gone(): void {
    this.cut("client");
  }

  /** A comment, when nothing was sent for so long: what stands between keeps the connection, and a client that is gone is found. */
  keepAlive(now: number, everyMs: number): void {
    if (now - this.#written < everyMs) return;
    this.#push(":\n\n");
    this.#written = now;
  }

  /**
   * Whether the client has taken nothing for so long of what waits for it. To be asked again and again.
   *
   * @param unsent bytes that have left this, and not the process
   */
  isStuck(now: number, ms: number, unsent: number): boolean {
    const waiting = this.body.readableLength + unsent;
    const taken = this.#pushed - waiting;
    if (waiting === 0 || taken !== this.#seen.taken) this.#seen = { taken, at: now };
    return now - this.#seen.at > ms;
  }

  #push(text: string): void {
    if (this.#reason) return;
    const bytes = Buffer.from(text);
    this.#pushed += bytes.length;
    this.body.push(bytes);
    if (this.body.readableLength > MAX_UNREAD_BYTES) this.cut("slow");
  }

  #finish(reason: StreamEnd): void {
    if (this.#reason) return;
    this.#reason = reason;
    if (!this.body.destroyed) this.body.push(null);
    this.#makeRoom();
    this.#ended.abort();
  }

  #makeRoom(): void {
    this.#roomy?.();
    this.#roomy = this.#roomAsked = undefined;
  }
}

/**
 * What a client that comes back has seen last.
 *
 * @throws MillraceError `invalid_request` when it is no id of an event of ours
 */
export function lastEventId({ headers }: FastifyRequest, form: RegExp): string | undefined {
  const given = headers["last-event-id"];
  if (given === undefined || given === "") return undefined;
  if (typeof given === "string" && form.test(given)) return given;
  throw new MillraceError(
    "invalid_request",
    "header Last-Event-ID is none of an event of this stream; leave it away to begin anew",
  );
}

/** Ids and names are ours, and have no line ends; JSON has none outside of its texts, and escapes those within. */
function frameOf({ id, event, data }: StreamEvent): string {
  const head = `${id === undefined ? "" : `id: ${id}\n`}${event === undefined ? "" : `event: ${event}\n`}`;
  return `${head}data: ${withExactNumbers(JSON.stringify(data))}\n\n`;
}

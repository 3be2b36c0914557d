import { setTimeout as pause } from "node:timers/promises";
import { MillraceError, readExactJson } from "@millrace/core";
import { Problem } from "@millrace/core/api";
import type { ApiClient } from "./api-client.ts";

/** A server that restarts is waited for; one that stays away is not. */
const AWAY_MS = 30_000;

/** A comment comes every 15 s: a connection on which nothing comes for so long is none. */
const SILENT_MS = 45_000;

/** No event of ours is longer. */
const MAX_EVENT = 4 * 1024 * 1024;

/** What a server says when another try may do better. */
const PASSING = ["server_unreachable", "streams_exhausted", "database_unavailable", "rate_limited"];

export interface FollowedEvent {
  readonly event: string;
  readonly data: unknown;
}

export interface FollowOptions {
  query: Record<string, string | number | undefined>;
  signal: AbortSignal;
  /** Told when the stream goes on after it was lost, and after how long. */
  onBack(ms: number): void;
}

/**
 * The events of a stream, until it says that it has ended. A stream that is lost is asked for again, behind its last event.
 *
 * @throws the signal's reason when it is aborted; MillraceError when the server refuses, or stays away for 30 s
 */
export async function* followEvents(
  api: ApiClient,
  path: string,
  { query, signal, onBack }: FollowOptions,
): AsyncGenerator<FollowedEvent> {
  const place: Place = { lastId: undefined, retryMs: 1000 };
  let opened = false;
  let lostAt: number | undefined;
  for (;;) {
    try {
      for await (const event of connection(api, path, query, place, signal)) {
        if (lostAt !== undefined) onBack(performance.now() - lostAt);
        lostAt = undefined;
        opened = true;
        if (event === "open") continue;
        if (event.event === "problem") throw problemIn(event.data);
        yield event;
        if (event.event === "end") return;
      }
    } catch (error) {
      signal.throwIfAborted();
      const passes = error instanceof MillraceError && PASSING.includes(error.code);
      if (!passes || !opened) throw error;
      if (lostAt !== undefined && performance.now() - lostAt > AWAY_MS) throw error;
    }
    lostAt ??= performance.now();
    await pause(place.retryMs, undefined, { signal });
  }
}

/** Where the stream goes on. */
interface Place {
  lastId: string | undefined;
  retryMs: number;
}

/** The events of one connection, until it ends. */
async function* connection(
  api: ApiClient,
  path: string,
  query: FollowOptions["query"],
  place: Place,
  signal: AbortSignal,
): AsyncGenerator<FollowedEvent | "open"> {
  const over = new AbortController();
  const end = () => over.abort();
  const timer = setTimeout(end, SILENT_MS);
  signal.addEventListener("abort", end);
  try {
    signal.throwIfAborted();
    const body = await api.stream(path, query, place.lastId, over.signal);
    yield "open";
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of readUntil(over.signal, body)) {
      timer.refresh();
      const frames = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
      rest = frames.pop() ?? "";
      if (rest.length > MAX_EVENT) throw api.notUnderstood();
      for (const frame of frames) {
        const event = eventIn(frame, place);
        if (event) yield event;
      }
    }
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    // The connection is lost, in the middle of it or by its silence.
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  }
  signal.throwIfAborted();
}

/**
 * What comes of a body before the signal is aborted. Node's `fetch` does not always hear of that: what it hangs to a signal is held by nothing
 * once there is a response, and goes with the garbage.
 */
async function* readUntil(
  signal: AbortSignal,
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  // One that has failed by itself is told of by what is read of it.
  const cancel = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel);
  if (signal.aborted) cancel();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

function eventIn(frame: string, place: Place): FollowedEvent | undefined {
  let event = "message";
  let data: string | undefined;
  for (const line of frame.split("\n")) {
    const colon = line.indexOf(":");
    const value = line.slice(colon + 1).replace(/^ /, "");
    switch (line.slice(0, colon)) {
      case "id":
        place.lastId = value;
        break;
      case "retry":
        if (/^\d{1,5}$/.test(value)) place.retryMs = Number(value);
        break;
      case "event":
        event = value;
        break;
      case "data":
        data = value;
        break;
    }
  }
  return data === undefined ? undefined : { event, data: readExactJson(data) };
}

function problemIn(data: unknown): MillraceError {
  const problem = Problem.partial({ requestId: true }).safeParse(data);
  if (!problem.success) return new MillraceError("server_unreachable", "the stream has ended");
  return new MillraceError(problem.data.code, problem.data.detail);
}

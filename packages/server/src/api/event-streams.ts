import type { ServerResponse } from "node:http";
import { MillraceError } from "@millrace/core";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { placeOf } from "../security/caller.ts";
import { Counter, Gauge, type Registry } from "../telemetry/metrics.ts";
import { EventStream } from "./event-stream.ts";
import { toMillraceError } from "./problem.ts";

export interface EventStreamsOptions {
  metrics: Registry;
  /**
   * Throws when the caller may not have the stream any more, and sees to it that the request knows what they may now. `thorough` when it should
   * also look whether what the route names is theirs still.
   */
  stillMay(request: FastifyRequest, thorough: boolean): Promise<void>;
  /** Streams of one caller at once. Default 50: a browser for each of some screens, and programs. */
  perCaller?: number;
  /** Streams of this process at once. Default 500. */
  perProcess?: number;
  /** How often it is looked whether callers may still have their streams, in milliseconds. Default 1,000. */
  lookEveryMs?: number;
  /** After how long without an event there is a comment, in milliseconds. Default 15,000. */
  commentEveryMs?: number;
  /** A reader that takes nothing for so long is cut off, in milliseconds. Default 30,000. */
  stuckMs?: number;
}

interface Open {
  stream: EventStream;
  request: FastifyRequest;
  raw: ServerResponse;
  place: string;
  looking: boolean;
  lookedThoroughlyAt: number;
}

/** What is true of a stream's answer besides what is true of all. Nothing on the way may keep it back to compress or to collect it. */
const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
};

/** Whether what a route names has moved to another project is looked up so often, for who is confined to some: it is a query for each stream. */
const THOROUGH_EVERY_MS = 15_000;

/** How long a reader that takes nothing holds up a server that stops. */
const STOP_WITHIN_MS = 1000;

/** All streams of server-sent events of a process: how many there may be, that they go on, and that they end. */
export class EventStreams {
  readonly #options: Required<Omit<EventStreamsOptions, "metrics">>;
  readonly #open = new Set<Open>();
  readonly #ofCaller = new Map<string, number>();
  readonly #ended: Counter<"reason">;
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor({ metrics, ...options }: EventStreamsOptions) {
    this.#options = {
      ...{ perCaller: 50, perProcess: 500 },
      ...{ lookEveryMs: 1000, commentEveryMs: 15_000, stuckMs: 30_000 },
      ...options,
    };
    const registers = [metrics];
    const open: Gauge = new Gauge({
      name: "millrace_event_streams",
      help: "Streams of server-sent events that are open",
      registers,
      collect: () => open.set({}, this.#open.size),
    });
    this.#ended = new Counter({
      name: "millrace_event_streams_ended_total",
      help: "Streams of server-sent events that ended, by why",
      labelNames: ["reason"],
      registers,
    });
  }

  /** Ends all streams when the server begins to close, which would otherwise wait for them. */
  endOnClose(app: FastifyInstance): void {
    app.addHook("preClose", async () => {
      this.#stopping = true;
      for (const { stream } of this.#open) stream.stop();
      const late = setTimeout(() => {
        for (const { raw } of this.#open) raw.destroy();
      }, STOP_WITHIN_MS);
      app.server.once("close", () => clearTimeout(late));
    });
  }

  /** Throws when who asked may not any more; for answers that go on otherwise. */
  requireStill(request: FastifyRequest): Promise<void> {
    return this.#options.stillMay(request, true);
  }

  /**
   * Answers a request by a stream, which is open at once.
   *
   * @throws MillraceError `too_many_streams`, `streams_exhausted`
   */
  open(request: FastifyRequest, reply: FastifyReply): EventStream {
    const place = placeOf(request.caller);
    this.#requireRoom(place);
    const now = performance.now();
    const stream = new EventStream(now);
    const { raw } = reply;
    const open = { stream, request, raw, place, looking: false, lookedThoroughlyAt: now };
    this.#add(open);
    const leave = () => {
      stream.gone();
      this.#remove(open);
    };
    // Who left while it was looked up who they are is gone as soon as the route has the stream: their connection tells of it no more.
    if (raw.closed) setImmediate(leave);
    else raw.once("close", leave);
    void reply.headers(HEADERS).send(stream.body);
    return stream;
  }

  #requireRoom(place: string): void {
    const { perCaller, perProcess } = this.#options;
    if (this.#stopping) {
      throw new MillraceError("streams_exhausted", "the server is about to stop; ask again");
    }
    if ((this.#ofCaller.get(place) ?? 0) >= perCaller) {
      throw new MillraceError(
        "too_many_streams",
        `${place} has ${perCaller} streams open on this server, as many as each caller may; end some`,
      );
    }
    if (this.#open.size >= perProcess) {
      throw new MillraceError(
        "streams_exhausted",
        `this server has ${perProcess} streams open, as many as it may; ask another, or later`,
      );
    }
  }

  #add(open: Open): void {
    this.#open.add(open);
    this.#ofCaller.set(open.place, (this.#ofCaller.get(open.place) ?? 0) + 1);
    this.#timer ??= setInterval(this.#look, this.#options.lookEveryMs).unref();
  }

  /** A stream counts until its last event has left the process, or its connection is gone. */
  #remove(open: Open): void {
    this.#open.delete(open);
    const left = (this.#ofCaller.get(open.place) ?? 1) - 1;
    if (left > 0) this.#ofCaller.set(open.place, left);
    else this.#ofCaller.delete(open.place);
    this.#ended.inc({ reason: open.stream.reason ?? "client" });
    if (this.#open.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  readonly #look = (): void => {
    const now = performance.now();
    const { commentEveryMs, stuckMs } = this.#options;
    for (const open of this.#open) {
      const { stream, raw } = open;
      if (stream.isStuck(now, stuckMs, raw.writableLength)) {
        stream.cut("slow");
        raw.destroy();
      } else if (!stream.reason) {
        stream.keepAlive(now, commentEveryMs);
        if (!open.looking) void this.#lookAgain(open, now);
      }
    }
  };

  async #lookAgain(open: Open, now: number): Promise<void> {
    const { stream, request } = open;
    open.looking = true;
    const thorough = now - open.lookedThoroughlyAt >= THOROUGH_EVERY_MS;
    if (thorough) open.lookedThoroughlyAt = now;
    try {
      await this.#options.stillMay(request, thorough);
    } catch (error) {
      stream.fail(toMillraceError(error, 0), "refused");
    } finally {
      open.looking = false;
    }
  }
}

import { url as debuggerUrl } from "node:inspector";
import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { Service } from "../runtime/service.ts";
import { SharedThread } from "../runtime/shared-thread.ts";
import { siblingModule } from "../runtime/sibling-module.ts";
import type { Logger } from "../telemetry/logger.ts";

/** What the main thread and the one that watches it share: 32-bit numbers at these places. */
export const SHARED = {
  /** Grows while the event loop turns. */
  ticks: 0,
  /** For how many ms the watching thread has seen it stand. */
  stalledMs: 1,
  /** 1 while somebody debugs the main thread: it must not be resumed behind their back. */
  debugged: 2,
} as const;

/** What the thread is given to begin to watch for one. */
export interface LoopWatchData {
  shared: Int32Array;
  everyMs: number;
  thresholdMs: number;
  /** For stacks; it watches until this is closed. */
  port: MessagePort;
  /** Told once when it looks. */
  looking: MessagePort;
}

/** A block of the event loop that is over. */
export interface Blocked {
  /** How long, to about a tenth of the threshold. */
  ms: number;
  /** The call stack when the threshold was passed, innermost first; empty when it could not be taken. */
  frames: string[];
}

export interface LoopWatchOptions {
  /** Shorter blocks are not told of. */
  thresholdMs: number;
  logger: Logger;
  /** Told of each block, on the event loop, as soon as it turns again. */
  onBlocked: (block: Blocked) => Promise<void> | void;
}

const sharedThread = new SharedThread(siblingModule(import.meta.url, "loop-watch-thread"));

/**
 * Sees when the event loop of this process stands, from {@link file://./loop-watch-thread.ts a thread} that takes the stack
 * meanwhile. As long as it turns this costs a timer and nothing else. A process that is stopped or starved is not
 * blocked: the thread stands with it.
 */
export class LoopWatch implements Service {
  readonly name = "loop watch";
  readonly #options: LoopWatchOptions;
  readonly #everyMs: number;
  readonly #shared = new Int32Array(new SharedArrayBuffer(12));
  readonly #channel = new MessageChannel();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #tickedAt = performance.now();
  #reporting: { promise: Promise<void>; end: () => void } | undefined;

  constructor(options: LoopWatchOptions) {
    this.#options = options;
    this.#everyMs = Math.min(100, options.thresholdMs / 10);
  }

  async start(): Promise<void> {
    const { thresholdMs, logger } = this.#options;
    const { port1, port2 } = this.#channel;
    const looking = new MessageChannel();
    const data: LoopWatchData = {
      shared: this.#shared,
      everyMs: this.#everyMs,
      thresholdMs,
      port: port2,
      looking: looking.port2,
    };
    const thread = sharedThread.get();
    const failed = (error: unknown) =>
      logger.warn({ event: "event_loop.watch_failed", err: error }, "the loop watch failed");
    thread.on("error", failed);
    port1.once("close", () => {
      if (this.#stopped) thread.off("error", failed);
    });
    port1.unref();
    thread.postMessage(data, [port2, looking.port2]);
    // Until it looks: on a busy machine it is long on its way to its first line. It closes also when the thread ends.
    await new Promise((resolve) => looking.port1.once("message", resolve).once("close", resolve));
    looking.port1.close();
    this.#tickedAt = performance.now();
    this.#timer = setInterval(() => this.#tick(), this.#everyMs);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopped = true;
    this.#reporting?.end();
    this.#channel.port1.close();
  }

  /** Settles when the block that this turn of the event loop belongs to, or the last one, has been told of. */
  get reporting(): Promise<void> | undefined {
    const stalledMs = Atomics.load(this.#shared, SHARED.stalledMs);
    if (!this.#reporting && stalledMs >= this.#options.thresholdMs && this.#timer) this.#expect();
    return this.#reporting?.promise;
  }

  #expect(): { promise: Promise<void>; end: () => void } {
    let end!: () => void;
    const promise = new Promise<void>((resolve) => {
      end = () => {
        this.#reporting = undefined;
        resolve();
      };
    });
    return (this.#reporting = { promise, end });
  }

  #tick(): void {
    Atomics.add(this.#shared, SHARED.ticks, 1);
    Atomics.store(this.#shared, SHARED.debugged, debuggerUrl() === undefined ? 0 : 1);
    const stalledMs = Atomics.exchange(this.#shared, SHARED.stalledMs, 0);
    const now = performance.now();
    const late = now - this.#tickedAt - this.#everyMs;
    this.#tickedAt = now;
    if (stalledMs < this.#options.thresholdMs) return;
    const ms = Math.round(Math.min(late, stalledMs + 2 * this.#everyMs));
    void this.#report({ ms, frames: this.#takeFrames() });
  }

  async #report(block: Blocked): Promise<void> {
    const { end } = this.#reporting ?? this.#expect();
    try {
      await this.#options.onBlocked(block);
    } catch (error) {
      this.#options.logger.warn(
        { event: "event_loop.block_untold", err: error },
        "a block of the event loop was not told of",
      );
    } finally {
      end();
    }
  }

  /** The newest stack that the thread has sent: it came while this one could not listen. */
  #takeFrames(): string[] {
    let frames: string[] = [];
    for (let said; (said = receiveMessageOnPort(this.#channel.port1));) {
      frames = said.message as string[];
    }
    return frames;
  }
}

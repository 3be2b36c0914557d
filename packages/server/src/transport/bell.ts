import type { Logger } from "../telemetry/logger.ts";
import type { Transport } from "./transport.ts";

/**
 * A NOTIFY takes a lock of the whole cluster when it commits, so a queue is rung once in this time at the most; the
 * first ring goes out at once.
 */
const REST_MS = 25;

/** Rings the transport for queues that have got runs. Rings are hints: one that fails is logged and forgotten. */
export class Bell {
  readonly #transport: Transport;
  readonly #logger: Logger;
  readonly #waiting = new Set<string>();
  readonly #listeners = new Set<(queue: string) => void>();
  #resting = false;

  constructor(transport: Transport, logger: Logger) {
    this.#transport = transport;
    this.#logger = logger;
  }

  /**
   * Calls back for every ring of this process: at once, without the transport and its rest.
   *
   * @returns how to stop that
   */
  hear(listener: (queue: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  ring(queue: string): void {
    for (const listener of this.#listeners) listener(queue);
    this.#waiting.add(queue);
    if (!this.#resting) this.#publish();
  }

  #publish(): void {
    const queues = [...this.#waiting];
    this.#waiting.clear();
    this.#resting = queues.length > 0;
    if (!this.#resting) return;
    this.#transport
      .publish(queues)
      .catch((error: unknown) => {
        const { name, message } = error as Error;
        this.#logger.debug(
          { event: "transport.ring_failed", why: message || name, queues },
          "ringing failed; workers will look by themselves",
        );
      })
      // After the answer: rings for a transport that is slow gather, instead of queueing up.
      .finally(() => setTimeout(() => this.#publish(), REST_MS).unref());
  }
}

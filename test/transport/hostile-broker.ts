import { randomBytes } from "node:crypto";
import { LinkedTransport, type Logger, MemoryBroker, type TransportObserver } from "millrace";
import { shuffled } from "../faults/harness/seed.ts";

/** Keeps what it is given as no broker may: it loses, repeats, shuffles, delays, forges, babbles and breaks off. */
export class HostileBroker {
  readonly #broker = new MemoryBroker();
  readonly #random: () => number;
  readonly #queues: readonly string[];
  #put = 0;

  /** @param queues whose names it forges, too */
  constructor(random: () => number, queues: readonly string[]) {
    this.#random = random;
    this.#queues = queues;
  }

  /** How many messages it has made up or passed on. */
  get put(): number {
    return this.#put;
  }

  async open(logger: Logger, observer?: TransportObserver): Promise<LinkedTransport> {
    const transport = new LinkedTransport(
      {
        name: "hostile",
        words: "a hostile broker",
        capabilities: { audience: "one", keeps: true, redelivers: true, trusted: false },
        connect: async (onLost) => {
          const session = await this.#broker.connect(onLost);
          return {
            publish: async (queues) => queues.forEach((queue) => this.#mistreat(queue)),
            receive: (queues, deliver) => session.receive(queues, deliver),
            ping: () => session.ping(),
            close: () => session.close(),
          };
        },
      },
      { logger, observer },
    );
    await transport.open();
    return transport;
  }

  /** Puts something in that nobody has sent. */
  forge(): void {
    const queue = this.#pick(this.#queues);
    const contents = [
      () => this.#pick(this.#queues),
      () => "no-such-queue",
      () => randomBytes(Math.floor(this.#random() * 300)),
      () => "x".repeat(129),
      () => "01934f6e-7c00-7000-9d3a-5f0e3c1b2a49",
      () => '{"run":"01934f6e-7c00-7000-9d3a-5f0e3c1b2a49","state":"completed"}',
      () => "'; drop schema millrace cascade; --",
    ];
    this.#enter(queue, this.#pick(contents)());
  }

  /** Forgets everything, or breaks off all sessions and takes new ones. */
  break(): void {
    if (this.#random() < 0.5) return this.#broker.flush();
    this.#broker.stop();
    this.#broker.start();
  }

  #mistreat(queue: string): void {
    const dice = this.#random();
    if (dice < 0.3) return;
    const times = dice < 0.6 ? 5 : 1;
    for (let n = 0; n < times; n++) {
      if (this.#random() < 0.5) this.#enter(queue, queue);
      else setTimeout(() => this.#enter(queue, queue), this.#random() * 2000).unref();
    }
  }

  #enter(queue: string, content: string | Uint8Array): void {
    this.#put++;
    const waiting = this.#broker.waiting(queue);
    const others = shuffled(waiting.splice(0, 20), this.#random);
    waiting.unshift(...others);
    this.#broker.put(queue, content, this.#random() < 0.5);
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)]!;
  }
}

import { MAX_KEPT, MAX_UNANSWERED, type Deliver, type Session } from "../session.ts";
import { type LinkedOptions, LinkedTransport } from "../linked-transport.ts";

/**
 * A broker in this process: for tests, which can stop it, flush it, and put anything into it. Any number of transports
 * share it, as processes share a server.
 */
export class MemoryBroker {
  readonly #queues = new Map<string, (string | Uint8Array)[]>();
  readonly #sessions = new Set<MemorySession>();
  #running = true;

  /** @see LinkedTransport.open */
  transport(options: LinkedOptions): LinkedTransport {
    const capabilities = {
      audience: "one",
      keeps: true,
      redelivers: true,
      trusted: false,
    } as const;
    const connect = (onLost: (error: unknown) => void) => this.connect(onLost);
    return new LinkedTransport({ name: "memory", words: "memory", capabilities, connect }, options);
  }

  async connect(onLost: (error: unknown) => void): Promise<Session> {
    if (!this.#running) throw new Error("the broker is stopped");
    const session = new MemorySession(this, onLost);
    this.#sessions.add(session);
    return session;
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  /** How many messages are with receivers that have not answered. */
  get unanswered(): number {
    return [...this.#sessions].reduce((sum, session) => sum + session.unanswered, 0);
  }

  /** Cuts all sessions, and lets no new one in until {@link start}. */
  stop(): void {
    this.#running = false;
    for (const session of this.#sessions) session.cut();
  }

  start(): void {
    this.#running = true;
  }

  flush(): void {
    this.#queues.clear();
  }

  /** Anything may lie in a broker. */
  put(queue: string, content: string | Uint8Array, first = false): void {
    const waiting = this.waiting(queue);
    if (first) waiting.unshift(content);
    else if (waiting.length < MAX_KEPT) waiting.push(content);
    this.deal();
  }

  waiting(queue: string): (string | Uint8Array)[] {
    const waiting = this.#queues.get(queue) ?? [];
    this.#queues.set(queue, waiting);
    return waiting;
  }

  /** Gives everybody what there is, in turns. */
  deal(): void {
    for (let dealt = true; dealt;) {
      dealt = false;
      for (const session of this.#sessions) if (session.takeOne()) dealt = true;
    }
  }

  forget(session: MemorySession): void {
    this.#sessions.delete(session);
  }
}

interface Receiving {
  queues: readonly string[];
  deliver: Deliver;
  paused: boolean;
  /** Messages that were handed over and not answered, by the queue they came from. */
  unanswered: Set<{ queue: string; content: string | Uint8Array }>;
}

class MemorySession implements Session {
  readonly #broker: MemoryBroker;
  readonly #onLost: (error: unknown) => void;
  readonly #receiving = new Set<Receiving>();

  constructor(broker: MemoryBroker, onLost: (error: unknown) => void) {
    this.#broker = broker;
    this.#onLost = onLost;
  }

  get unanswered(): number {
    return [...this.#receiving].reduce((sum, { unanswered }) => sum + unanswered.size, 0);
  }

  async publish(queues: readonly string[]): Promise<void> {
    for (const queue of queues) this.#broker.put(queue, queue);
  }

  async receive(queues: readonly string[], deliver: Deliver) {
    const receiving: Receiving = { queues, deliver, paused: false, unanswered: new Set() };
    this.#receiving.add(receiving);
    setImmediate(() => this.#broker.deal());
    return {
      pause: () => void (receiving.paused = true),
      resume: () => {
        receiving.paused = false;
        this.#broker.deal();
      },
      close: async () => this.#giveBack(receiving),
    };
  }

  async ping(): Promise<void> {}

  async close(): Promise<void> {
    this.#broker.forget(this);
    for (const receiving of this.#receiving) this.#giveBack(receiving);
  }

  cut(): void {
    this.#broker.forget(this);
    for (const receiving of this.#receiving) this.#giveBack(receiving);
    this.#onLost(new Error("the broker was stopped"));
  }

  /** @returns whether there was one for it */
  takeOne(): boolean {
    for (const receiving of this.#receiving) {
      if (receiving.paused || receiving.unanswered.size >= MAX_UNANSWERED) continue;
      const queue = receiving.queues.find((name) => this.#broker.waiting(name).length > 0);
      if (queue === undefined) continue;
      const message = { queue, content: this.#broker.waiting(queue).shift()! };
      receiving.unanswered.add(message);
      receiving.deliver(message.content, () => {
        if (receiving.unanswered.delete(message)) queueMicrotask(() => this.#broker.deal());
      });
      return true;
    }
    return false;
  }

  #giveBack(receiving: Receiving): void {
    this.#receiving.delete(receiving);
    for (const { queue, content } of receiving.unanswered) this.#broker.put(queue, content, true);
    receiving.unanswered.clear();
  }
}

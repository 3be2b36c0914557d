import { Loop } from "../runtime/loop.ts";
import { inTime } from "../runtime/in-time.ts";
import type { Logger } from "../telemetry/logger.ts";
import { readMessage } from "./message.ts";
import type { Connect, Session, SessionReceiver } from "./session.ts";
import type {
  Capabilities,
  Delivery,
  Transport,
  TransportObserver,
  TransportReceiver,
} from "./transport.ts";

/** A broker that comes back is not asked by all at once. */
const SPREAD_MS = 500;

const MAX_REST_MS = 5000;

/** A session that lasted so long was a good one: what comes after it is a new outage. */
const PROVEN_MS = 30_000;

export interface LinkedOptions {
  logger: Logger;
  observer?: TransportObserver | undefined;
  /** Within twice this time a connection that has gone silent is given up. Default 5000. */
  deadlineMs?: number | undefined;
}

export interface Adapter {
  readonly name: string;
  readonly words: string;
  readonly capabilities: Capabilities;
  readonly connect: Connect;
}

/**
 * A transport over a broker that comes and goes. It keeps one session; what is received goes on over the next one, what
 * is published meanwhile fails at once.
 */
export class LinkedTransport implements Transport {
  /** How long a broker may take for anything, unless told otherwise, before it counts as away. */
  static readonly deadlineMs = 5000;

  readonly name: string;
  readonly words: string;
  readonly capabilities: Capabilities;
  readonly #connect: Connect;
  readonly #logger: Logger;
  readonly #observer: TransportObserver | undefined;
  readonly #deadlineMs: number;
  readonly #loop: Loop;
  readonly #receivers = new Set<LinkedReceiver>();
  #session: Session | undefined;
  #connectedAt = -Infinity;
  #failures = 0;
  #justLost = false;
  #away: string | undefined = "it is not connected yet";
  #onTried: () => void = () => {};
  #closed = false;

  constructor(adapter: Adapter, options: LinkedOptions) {
    const { logger, observer, deadlineMs = LinkedTransport.deadlineMs } = options;
    this.name = adapter.name;
    this.words = adapter.words;
    this.capabilities = adapter.capabilities;
    this.#connect = adapter.connect;
    this.#logger = logger;
    this.#observer = observer;
    this.#deadlineMs = deadlineMs;
    this.#loop = new Loop("transport", () => this.#keepSession(), logger);
    observer?.onState(false);
  }

  /** Answers when it is connected, or could not be for now; from then on it looks after itself. */
  async open(): Promise<void> {
    const tried = new Promise<void>((resolve) => {
      this.#onTried = resolve;
    });
    await this.#loop.start();
    await tried;
  }

  async publish(queues: readonly string[]): Promise<void> {
    const session = this.#session;
    const askedAt = performance.now();
    try {
      if (!session) throw new Error(`${this.name} is away`);
      await inTime(this.#deadlineMs, "publishing", session.publish(queues));
      this.#observer?.onPublished(queues.length, performance.now() - askedAt);
    } catch (error) {
      this.#observer?.onPublishError();
      if (session) this.#lose(session, error);
      throw error;
    }
  }

  async receive(
    queues: readonly string[],
    onDelivery: (delivery: Delivery) => void,
  ): Promise<TransportReceiver> {
    const receiver: LinkedReceiver = { queues, onDelivery, paused: false, inner: undefined };
    this.#receivers.add(receiver);
    const session = this.#session;
    if (session) {
      const attached = this.#attach(session, receiver);
      await inTime(this.#deadlineMs, "receiving", attached).catch((error) =>
        this.#lose(session, error),
      );
    }
    return {
      pause: () => {
        receiver.paused = true;
        receiver.inner?.pause();
      },
      resume: () => {
        receiver.paused = false;
        receiver.inner?.resume();
      },
      close: async () => {
        receiver.paused = true;
        this.#receivers.delete(receiver);
        await this.#detach(receiver);
      },
    };
  }

  async check(): Promise<void> {
    if (this.#away !== undefined) throw new Error(this.#away);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#loop.stop();
    await Promise.all([...this.#receivers].map((receiver) => this.#detach(receiver)));
    this.#receivers.clear();
    const session = this.#session;
    this.#session = undefined;
    this.#away = "it is closed";
    if (session) await inTime(this.#deadlineMs, "closing", session.close()).catch(() => {});
  }

  /** One turn: makes sure that there is a session and that it works. @returns when to look again */
  async #keepSession(): Promise<number> {
    const session = this.#session;
    if (session) {
      await inTime(this.#deadlineMs, "an answer", session.ping()).catch((error) =>
        this.#lose(session, error),
      );
      return 0.8 * this.#deadlineMs;
    }
    if (this.#justLost) {
      this.#justLost = false;
      return this.#failures === 1 ? Math.random() * SPREAD_MS : this.#growingRest();
    }
    try {
      await this.#begin();
      return 0.8 * this.#deadlineMs;
    } catch (error) {
      this.#goAway(error);
      this.#failures++;
      return this.#growingRest();
    } finally {
      this.#onTried();
    }
  }

  #growingRest(): number {
    const growing = 50 * 2 ** Math.min(this.#failures, 10);
    return Math.min(MAX_REST_MS, growing) * (0.5 + Math.random() / 2);
  }

  async #begin(): Promise<void> {
    let session: Session | undefined;
    let lost: Error | undefined;
    let givenUp = false;
    const connecting = this.#connect((error) => {
      lost = error instanceof Error ? error : new Error("the connection was closed");
      if (session) this.#lose(session, lost);
    }).then((connected) => {
      session = connected;
      if (givenUp) void end(connected);
      return connected;
    });
    try {
      const connected = await inTime(this.#deadlineMs, "connecting", connecting);
      const attached = [...this.#receivers].map((receiver) => this.#attach(connected, receiver));
      await inTime(this.#deadlineMs, "receiving", Promise.all(attached));
      if (lost) throw lost;
    } catch (error) {
      givenUp = true;
      if (session) void end(session);
      for (const receiver of this.#receivers) receiver.inner = undefined;
      throw error;
    }
    this.#session = session;
    this.#connectedAt = performance.now();
    if (this.#failures > 0)
      this.#logger.info(
        { event: "transport.back" },
        `${this.words} is back; it rings the workers again`,
      );
    this.#away = undefined;
    this.#observer?.onState(true);
  }

  async #attach(session: Session, receiver: LinkedReceiver): Promise<void> {
    const inner = await session.receive(receiver.queues, (content, acknowledge) =>
      this.#deliver(session, receiver, content, acknowledge),
    );
    receiver.inner = inner;
    if (receiver.paused) inner.pause();
    // Closed while it was on its way: nobody else would end it.
    if (!this.#receivers.has(receiver)) await inner.close();
  }

  async #detach(receiver: LinkedReceiver): Promise<void> {
    const { inner } = receiver;
    receiver.inner = undefined;
    if (inner) await inTime(this.#deadlineMs, "closing", inner.close()).catch(() => {});
  }

  #deliver(
    session: Session,
    receiver: LinkedReceiver,
    content: string | Uint8Array,
    acknowledge: () => void,
  ): void {
    const queue = readMessage(content);
    if (queue === undefined || !receiver.queues.includes(queue)) {
      this.#observer?.onDropped(queue === undefined ? "malformed" : "other_queue");
      acknowledge();
      return;
    }
    this.#observer?.onReceived();
    let answered = false;
    const answer = (send: () => void) => () => {
      if (!answered) send();
      answered = true;
    };
    const delivery: Delivery = {
      queue,
      acknowledge: answer(acknowledge),
      release: answer(() => this.#handOn(session, queue, acknowledge)),
    };
    if (receiver.paused) delivery.release();
    else receiver.onDelivery(delivery);
  }

  /**
   * Sends it anew and acknowledges this one. Given back, it would count as delivered once more, and after some workers
   * that were full the broker would take it for poison.
   */
  #handOn(session: Session, queue: string, acknowledge: () => void): void {
    if (this.capabilities.audience === "all") return acknowledge();
    inTime(this.#deadlineMs, "handing on", session.publish([queue])).then(acknowledge, (error) =>
      this.#lose(session, error),
    );
  }

  #lose(session: Session, error: unknown): void {
    if (session !== this.#session) return;
    this.#session = undefined;
    for (const receiver of this.#receivers) receiver.inner = undefined;
    void end(session);
    if (performance.now() - this.#connectedAt > PROVEN_MS) this.#failures = 0;
    this.#justLost = true;
    this.#goAway(error);
    this.#failures++;
    this.#loop.wake();
  }

  #goAway(error: unknown): void {
    if (this.#closed) return;
    const why = reasonOf(error);
    const before = this.#away;
    this.#away = `${this.name} cannot be reached; workers look by themselves once a second`;
    if (before !== undefined && this.#failures > 0) {
      this.#logger.debug({ event: "transport.still_away", why }, `${this.words} is still away`);
      return;
    }
    this.#observer?.onState(false);
    this.#logger.warn(
      { event: "transport.away", why },
      `${this.words} is away; workers look by themselves once a second`,
    );
  }
}

interface LinkedReceiver {
  readonly queues: readonly string[];
  readonly onDelivery: (delivery: Delivery) => void;
  paused: boolean;
  inner: SessionReceiver | undefined;
}

async function end(session: Session): Promise<void> {
  await session.close().catch(() => {});
}

/** Only the words: errors of clients carry the command that failed, which may have been the one with the password. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(", ");
  return error instanceof Error ? error.message || error.name : "it did not say why";
}

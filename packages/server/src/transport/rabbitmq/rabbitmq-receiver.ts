import type { Channel } from "amqplib";
import { type Deliver, MAX_UNANSWERED, type SessionReceiver } from "../session.ts";

/** A channel of its own: what is not answered when it closes goes to others. */
export class RabbitReceiver implements SessionReceiver {
  readonly #channel: Channel;
  readonly #names: readonly string[];
  readonly #deliver: Deliver;
  readonly #onLost: (error: unknown) => void;
  #tags: string[] = [];
  #wanted = true;
  #closed = false;
  #changing: Promise<void> = Promise.resolve();

  constructor(
    channel: Channel,
    names: readonly string[],
    deliver: Deliver,
    onLost: (error: unknown) => void,
  ) {
    this.#channel = channel;
    this.#names = names;
    this.#deliver = deliver;
    this.#onLost = onLost;
  }

  async start(): Promise<void> {
    await this.#channel.prefetch(MAX_UNANSWERED);
    await this.#consume();
  }

  pause(): void {
    this.#want(false);
  }

  resume(): void {
    this.#want(true);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#changing;
    await this.#channel.close();
  }

  #want(wanted: boolean): void {
    if (wanted === this.#wanted || this.#closed) return;
    this.#wanted = wanted;
    this.#changing = this.#changing
      .then(() => (wanted ? this.#consume() : this.#cancel()))
      .catch(this.#onLost);
  }

  async #consume(): Promise<void> {
    const consumers = this.#names.map((name) =>
      this.#channel.consume(name, (message) => {
        if (message) this.#deliver(message.content, () => this.#acknowledge(message));
        else this.#onLost(new Error(`the queue ${name} was deleted`));
      }),
    );
    this.#tags = (await Promise.all(consumers)).map(({ consumerTag }) => consumerTag);
  }

  async #cancel(): Promise<void> {
    const tags = this.#tags;
    this.#tags = [];
    await Promise.all(tags.map((tag) => this.#channel.cancel(tag)));
  }

  #acknowledge(message: Parameters<Channel["ack"]>[0]): void {
    try {
      this.#channel.ack(message);
    } catch {
      // The channel has closed, and the message goes to somebody else.
    }
  }
}

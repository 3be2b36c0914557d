import type { Deliver } from "./session.ts";

export interface BatchPullOptions<Message> {
  /** Asks for messages, and waits a while for the first. */
  next: () => Promise<readonly Message[]>;
  /** What a message says; null for one that nobody need read. */
  textOf: (message: Message) => string | null;
  acknowledge: (messages: readonly Message[]) => Promise<void>;
  deliver: Deliver;
  onLost: (error: unknown) => void;
}

/** For brokers that have to be asked: asks for a batch, waits until all of it is answered, acknowledges it, asks for the next. */
export class BatchPull<Message> {
  readonly #options: BatchPullOptions<Message>;
  readonly #unanswered = new Set<Message>();
  readonly #answered: Message[] = [];
  #paused = false;
  #dropped = false;
  #pulling: Promise<void> = Promise.resolve();
  /** Ends the wait for answers, or for the end of a pause. */
  #goOn: () => void = () => {};

  constructor(options: BatchPullOptions<Message>) {
    this.#options = options;
  }

  start(): void {
    this.#pulling = this.#pull().catch((error: unknown) => {
      if (!this.#dropped) this.#options.onLost(error);
    });
  }

  /** The question that is under way goes on. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#goOn();
  }

  /** Ends it without a word to the broker. */
  drop(): void {
    this.#dropped = true;
    this.#goOn();
  }

  /**
   * Ends it, and acknowledges what was answered.
   *
   * @returns what was not: others should get it soon
   */
  async close(): Promise<Message[]> {
    this.drop();
    await this.#pulling;
    await this.#acknowledge();
    return [...this.#unanswered];
  }

  async #pull(): Promise<void> {
    while (!this.#dropped) {
      await this.#until(() => !this.#paused);
      if (this.#dropped) return;
      this.#handOut(await this.#options.next());
      await this.#until(() => this.#unanswered.size === 0);
      if (!this.#dropped) await this.#acknowledge();
    }
  }

  #handOut(messages: readonly Message[]): void {
    const { textOf, deliver } = this.#options;
    const read = messages.map((message) => ({ message, text: textOf(message) }));
    for (const { message, text } of read) {
      if (text === null) this.#answered.push(message);
      else this.#unanswered.add(message);
    }
    for (const { message, text } of read) {
      if (text === null) continue;
      deliver(text, () => {
        if (this.#unanswered.delete(message)) this.#answered.push(message);
        if (this.#unanswered.size === 0) this.#goOn();
      });
    }
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!this.#dropped && !holds()) {
      await new Promise<void>((resolve) => {
        this.#goOn = resolve;
      });
    }
  }

  async #acknowledge(): Promise<void> {
    const answered = this.#answered.splice(0);
    if (answered.length > 0) await this.#options.acknowledge(answered);
  }
}

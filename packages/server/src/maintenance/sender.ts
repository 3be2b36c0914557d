import { CHORE_MS, Loop } from "../runtime/loop.ts";
import type { Logger } from "../telemetry/logger.ts";

/** What there is to send is at the most so late. */
const LOOK_EVERY_MS = 1000;

/** Attempts under way at once, to all and to one: who answers slowly must not hold up the others. */
const MOST = 20;
const MOST_TO_ONE = 5;

/** How a kind of things is sent. */
export interface Sending<Item> {
  /** Whether something is due. */
  isDue(): Promise<boolean>;
  /** Throws when nothing can be sent from here: then nothing is taken, for another process may be able to. */
  requireReady(): void;
  /** Takes what is due for a while, up to a number, and nothing for those that are busy. */
  take(busy: string[], limit: number): Promise<Item[]>;
  /** To whom. */
  to(item: Item): string;
  /** Makes an attempt, and records what became of it; never rejects. What cannot be recorded is due again by itself. */
  send(item: Item, signal: AbortSignal): Promise<void>;
}

/** Sends what was written down to be sent. Any number may run at once: each takes what no other has taken. */
export class Sender<Item extends { id: string }> extends Loop {
  readonly #sending: Sending<Item>;
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #toOne = new Map<string, number>();
  #stopping = new AbortController();

  constructor(name: string, sending: Sending<Item>, logger: Logger) {
    super(name, () => this.#look(), logger, CHORE_MS);
    this.#sending = sending;
  }

  override start(): Promise<void> {
    this.#stopping = new AbortController();
    return super.start();
  }

  /** What is under way is cut off: it is sent again, under the same id. */
  override async stop(): Promise<void> {
    this.#stopping.abort();
    await super.stop();
    await Promise.all(this.#underWay.values());
  }

  async #look(): Promise<number> {
    if (!(await this.#sending.isDue())) return LOOK_EVERY_MS;
    this.#sending.requireReady();
    const free = Math.min(MOST - this.#underWay.size, MOST_TO_ONE);
    if (free <= 0) return LOOK_EVERY_MS;
    const busy = [...this.#toOne].filter(([, count]) => count >= MOST_TO_ONE).map(([to]) => to);
    const taken = await this.#sending.take(busy, free);
    for (const item of taken) this.#begin(item);
    return taken.length === free ? 0 : LOOK_EVERY_MS;
  }

  #begin(item: Item): void {
    const { id } = item;
    const to = this.#sending.to(item);
    this.#toOne.set(to, (this.#toOne.get(to) ?? 0) + 1);
    const work = this.#sending.send(item, this.#stopping.signal).finally(() => {
      // One that was due again meanwhile has taken its place.
      if (this.#underWay.get(id) === work) this.#underWay.delete(id);
      const others = this.#toOne.get(to)! - 1;
      if (others > 0) this.#toOne.set(to, others);
      else this.#toOne.delete(to);
      this.wake();
    });
    this.#underWay.set(id, work);
  }
}

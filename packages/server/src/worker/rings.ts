import type { Delivery, TransportReceiver } from "../transport/transport.ts";

/**
 * A claim that found nothing is not made again sooner because of a ring that anybody could have sent: who floods us costs
 * 40 claims a second.
 */
const REST_MS = 25;

/**
 * What a worker does with the messages that ring it: it keeps them until a claim that began after they came has committed.
 * It wants them only while it is hungry, which is when it has free slots and has found nothing for them: a worker whose
 * slots are full looks by itself as soon as one is free.
 */
export class Rings {
  readonly #wake: () => void;
  readonly #restMs: number;
  #receiver: TransportReceiver | undefined;
  #waiting: Delivery[] = [];
  #underWay: Delivery[] = [];
  #hungry = true;
  #foundNothingAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  /** @param trusted whether rings come from ourselves alone */
  constructor(wake: () => void, trusted: boolean) {
    this.#wake = wake;
    this.#restMs = trusted ? 0 : REST_MS;
  }

  readonly onDelivery = (delivery: Delivery): void => {
    if (!this.#hungry) {
      this.#receiver?.pause();
      delivery.release();
      return;
    }
    this.#waiting.push(delivery);
    const restMs = this.#foundNothingAt + this.#restMs - performance.now();
    if (restMs <= 0) this.#wake();
    else this.#timer ??= setTimeout(() => this.#wakeNow(), restMs);
  };

  /** Rings come from here until {@link close}. */
  from(receiver: TransportReceiver): void {
    this.#receiver = receiver;
  }

  /** A claim begins. */
  begin(): void {
    this.#underWay = this.#waiting;
    this.#waiting = [];
  }

  /**
   * It has committed.
   *
   * @param taken how many runs it took
   * @param room whether there are free slots now
   */
  end(taken: number, room: boolean): void {
    const answered = this.#underWay;
    this.#underWay = [];
    this.#hungry = room;
    if (taken === 0 && answered.length > 0) this.#foundNothingAt = performance.now();
    // There may be more than it could take: one of each queue goes on to others.
    const handedOn = new Set<string>();
    for (const delivery of answered) {
      if (room || handedOn.has(delivery.queue)) delivery.acknowledge();
      else delivery.release();
      handedOn.add(delivery.queue);
    }
    if (room) this.#receiver?.resume();
  }

  /** No claim is made, or it failed: others shall have the messages, and no more of them come here before one works. */
  refuse(): void {
    this.#hungry = false;
    const refused = [...this.#underWay, ...this.#waiting];
    this.#underWay = [];
    this.#waiting = [];
    if (refused.length > 0) this.#receiver?.pause();
    for (const delivery of refused) delivery.release();
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.refuse();
    await this.#receiver?.close();
  }

  #wakeNow(): void {
    this.#timer = undefined;
    this.#wake();
  }
}

const LOOK_EVERY_MS = 250;

/** Of the time between two looks no more counts: beyond that the process was stopped or starved, or its event loop stood. */
const MOST_MS = 1000;

/**
 * A clock that goes only while the event loop of this process turns, in milliseconds. What must have happened "within 8 s" by
 * it had 8 s in which it could: a machine that slept, a process that was stopped and one that got no processor condemn nobody.
 * It begins with the first who asks, and then costs a timer four times a second.
 */
export class AwakeClock {
  readonly #monotonic: () => number;
  #awakeMs = 0;
  #lookedAt: number | undefined;

  /** @param monotonic milliseconds of a clock that does not jump */
  constructor(monotonic: () => number = () => performance.now()) {
    this.#monotonic = monotonic;
  }

  now(): number {
    if (this.#lookedAt === undefined) setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
    this.#look();
    return this.#awakeMs;
  }

  #look(): void {
    const now = this.#monotonic();
    this.#awakeMs += Math.min(MOST_MS, now - (this.#lookedAt ?? now));
    this.#lookedAt = now;
  }
}

/** That of this thread. */
export const awake = new AwakeClock();

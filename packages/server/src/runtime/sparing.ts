/** After an answer that took long, so many times as long a rest. */
const REST_FACTOR = 10;

/**
 * Asks something costly no oftener than it may: whoever asks meanwhile gets the last answer, or waits for the one that is
 * under way. So however many ask, the work is bounded to a tenth of the time.
 */
export class Sparing<T> {
  readonly #ask: () => Promise<T>;
  readonly #leastMs: number;
  #answer: Promise<T> | undefined;
  #freshUntil = -Infinity;

  /** @param leastMs for so long an answer is good, however quick it was */
  constructor(ask: () => Promise<T>, leastMs: number) {
    this.#ask = ask;
    this.#leastMs = leastMs;
  }

  read(): Promise<T> {
    if (this.#answer === undefined || performance.now() >= this.#freshUntil) {
      this.#answer = this.#askNow();
    }
    return this.#answer;
  }

  async #askNow(): Promise<T> {
    const startedAt = performance.now();
    this.#freshUntil = Infinity;
    try {
      return await this.#ask();
    } finally {
      const endedAt = performance.now();
      const restMs = Math.max(this.#leastMs, (endedAt - startedAt) * REST_FACTOR);
      this.#freshUntil = endedAt + restMs;
    }
  }
}

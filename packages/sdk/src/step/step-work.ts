/** What the steps of an attempt do to the world and to the record at this moment; not what they wait for. */
export class StepWork {
  #underWay = 0;
  #onRest: (() => void) | undefined;

  async during<T>(work: () => T | Promise<T>): Promise<T> {
    this.#underWay++;
    try {
      return await work();
    } finally {
      this.#underWay--;
      if (this.#underWay === 0) this.#onRest?.();
    }
  }

  /** Settles when nothing is under way, and nothing has followed at once. */
  async rest(): Promise<void> {
    do {
      if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#onRest = resolve));
      // From what a step has given to its recording it is some turns of promises.
      await new Promise((resolve) => setImmediate(resolve));
    } while (this.#underWay > 0);
  }
}

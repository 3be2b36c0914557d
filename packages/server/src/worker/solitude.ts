/**
 * The turns of runs that must be the only one in the worker: a turn comes when all others have ended, one at a time.
 * Whoever starts runs asks {@link wanted} first.
 */
export class Solitude {
  readonly #count: () => number;
  readonly #waiting = new Map<object, () => void>();
  #holder: object | undefined;

  /** @param count how many runs there are, those that wait for their turn among them */
  constructor(count: () => number) {
    this.#count = count;
  }

  get wanted(): boolean {
    return this.#holder !== undefined || this.#waiting.size > 0;
  }

  /** Settles when nothing else runs. */
  turn(run: object): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.set(run, resolve);
      // What was claimed with it may be about to start.
      setImmediate(() => this.#next());
    });
  }

  /** To be told of every run that has ended, whether it had a turn, waited for one, or was in the way. */
  leave(run: object): void {
    this.#waiting.delete(run);
    if (this.#holder === run) this.#holder = undefined;
    this.#next();
  }

  #next(): void {
    if (this.#holder || this.#waiting.size === 0 || this.#count() > this.#waiting.size) return;
    const [[run, resolve]] = [...this.#waiting] as [[object, () => void]];
    this.#waiting.delete(run);
    this.#holder = run;
    resolve();
  }
}

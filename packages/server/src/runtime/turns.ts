interface Waiting {
  begin(): void;
}

/**
 * Lets so many do something at once, and the others wait: whoever asks again and again takes turns with everybody else, and has at the most
 * half of the places.
 */
export class Turns {
  readonly #places: number;
  readonly #ofOne: number;
  #taken = 0;
  readonly #takenBy = new Map<string, number>();
  /** Those who wait, by who they are; whoever got a place goes to the end. */
  readonly #waiting = new Map<string, Set<Waiting>>();

  /** @param places how many at once */
  constructor(places: number) {
    this.#places = places;
    this.#ofOne = Math.max(1, Math.floor(places / 2));
  }

  /**
   * @param patienceMs how long it waits for its turn
   * @returns what the work answers; undefined when its turn has not come
   */
  async take<T>(who: string, patienceMs: number, work: () => Promise<T>): Promise<T | undefined> {
    if (!(await this.#place(who, patienceMs))) return undefined;
    try {
      return await work();
    } finally {
      this.#leave(who);
    }
  }

  #place(who: string, patienceMs: number): Promise<boolean> {
    if (this.#mayBegin(who)) {
      this.#enter(who);
      return Promise.resolve(true);
    }
    const mine = this.#waiting.get(who) ?? new Set();
    this.#waiting.set(who, mine);
    return new Promise((resolve) => {
      const forget = () => {
        mine.delete(waiting);
        if (mine.size === 0 && this.#waiting.get(who) === mine) this.#waiting.delete(who);
      };
      const late = setTimeout(() => {
        forget();
        resolve(false);
      }, patienceMs);
      const waiting = {
        begin: () => {
          clearTimeout(late);
          forget();
          this.#enter(who);
          resolve(true);
        },
      };
      mine.add(waiting);
    });
  }

  #mayBegin(who: string): boolean {
    return this.#taken < this.#places && (this.#takenBy.get(who) ?? 0) < this.#ofOne;
  }

  #enter(who: string): void {
    this.#taken++;
    this.#takenBy.set(who, (this.#takenBy.get(who) ?? 0) + 1);
  }

  #leave(who: string): void {
    this.#taken--;
    const left = this.#takenBy.get(who)! - 1;
    if (left > 0) this.#takenBy.set(who, left);
    else this.#takenBy.delete(who);
    const next = [...this.#waiting].find(([name]) => this.#mayBegin(name));
    if (!next) return;
    const [name, those] = next;
    // The others are before them in the next turn.
    this.#waiting.delete(name);
    if (those.size > 1) this.#waiting.set(name, those);
    those.values().next().value!.begin();
  }
}

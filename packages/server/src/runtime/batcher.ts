/**
 * Natural batching: while one batch is under way the next items gather, and then go together. An idle system adds no
 * delay; a busy one gets big batches. There is nothing to tune.
 */
export class Batcher<Item, Result> {
  readonly #flush: (items: Item[]) => Promise<Result[]>;
  readonly #maxBatch: number;
  readonly #lanes: number;
  #waiting: Entry<Item, Result>[] = [];
  #underWay = 0;

  /**
   * @param flush answers one result for each item, in order; when it throws, every item of the batch is rejected
   * @param maxBatch items in one batch at the most
   * @param lanes batches under way at once, 1 unless given
   */
  constructor(flush: (items: Item[]) => Promise<Result[]>, maxBatch: number, lanes = 1) {
    this.#flush = flush;
    this.#maxBatch = maxBatch;
    this.#lanes = lanes;
  }

  /** How many items wait or are under way. */
  get pending(): number {
    return this.#waiting.length + this.#underWay;
  }

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => this.push(item, { resolve, reject }));
  }

  /** The same without a promise, for who adds items by the thousand. */
  push(item: Item, to: Recipient<Result>): void {
    this.#waiting.push({ item, to });
    // After the callbacks of this tick, so that what is added together goes together.
    if (this.#waiting.length === 1) setImmediate(this.#next);
  }

  #lanesBusy = 0;

  readonly #next = (): void => {
    while (this.#lanesBusy < this.#lanes && this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#maxBatch);
      this.#lanesBusy++;
      this.#underWay += batch.length;
      void this.#send(batch).finally(() => {
        this.#lanesBusy--;
        this.#underWay -= batch.length;
        this.#next();
      });
    }
  };

  async #send(batch: Entry<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#flush(batch.map((entry) => entry.item));
      batch.forEach(({ to }, index) => to.resolve(results[index] as Result));
    } catch (error) {
      for (const { to } of batch) to.reject(error);
    }
  }
}

/** Who is told what became of an item. Must not throw. */
export interface Recipient<Result> {
  resolve(result: Result): void;
  reject(error: unknown): void;
}

interface Entry<Item, Result> {
  item: Item;
  to: Recipient<Result>;
}

/**
 * In which order a worker's queues are asked for runs. Each gets the first choice as often as its weight says, spread
 * evenly, so that a queue of a small weight waits for its turn but is never forgotten.
 *
 * Smooth weighted round-robin, as in nginx (commit 52327e0627f4, 2012).
 */
export class QueueTurns {
  readonly #queues: { name: string; weight: number; credit: number }[];
  readonly #total: number;

  /** @param queues names, of weight 1 each, or weights by name */
  constructor(queues: readonly string[] | ReadonlyMap<string, number>) {
    const weights = queues instanceof Map ? [...queues] : [...queues].map((name) => [name, 1]);
    this.#queues = (weights as [string, number][]).map(([name, weight]) => ({
      name,
      weight,
      credit: 0,
    }));
    this.#total = this.#queues.reduce((sum, queue) => sum + queue.weight, 0);
  }

  get names(): string[] {
    return this.#queues.map((queue) => queue.name);
  }

  /** All queues, the one whose turn it is first. */
  next(): string[] {
    for (const queue of this.#queues) queue.credit += queue.weight;
    const order = [...this.#queues].sort((a, b) => b.credit - a.credit);
    if (order[0]) order[0].credit -= this.#total;
    return order.map((queue) => queue.name);
  }
}

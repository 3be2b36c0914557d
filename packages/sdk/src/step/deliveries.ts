/** For how long a result waits for one that came before it in an earlier attempt, once nothing else moves. */
const PATIENCE_MS = 30_000;

interface Turn {
  /** What is delivered is a checkpoint that is on record. */
  recorded: boolean;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * Lets a handler get to know the results of its steps in the order on record, and new ones in the order of their recording, one in
 * each turn of the event loop: so branches that run at the same time go on in the same order in every attempt, and what each of them
 * asks for next gets the same place.
 */
export class Deliveries {
  readonly #onStuck: (seq: number) => Error;
  readonly #patienceMs: number;
  /** What has a number and was not delivered, in order. */
  #queue: number[] = [];
  #next = 0;
  readonly #ready = new Map<number, Turn>();
  readonly #dropped = new Set<number>();
  /** What the handler need not come to. */
  readonly #optional = new Set<number>();
  /** What was passed over. */
  readonly #passed = new Set<number>();
  #passing: number | undefined;
  #last = 0;
  #delivered = 0;
  /** The last number that is on record since before. */
  #recorded = 0;
  #barriers = 0;
  #resting = false;
  #stuck: NodeJS.Timeout | undefined;
  #broken: Error | undefined;

  /**
   * @param onStuck why the handler does not come to the checkpoint of that number
   * @param patienceMs for how long a result waits for one that came before it in an earlier attempt, once nothing else moves
   */
  constructor(onStuck: (seq: number) => Error, patienceMs: number = PATIENCE_MS) {
    this.#onStuck = onStuck;
    this.#patienceMs = patienceMs;
  }

  /**
   * @param seqs the numbers of what is on record, in order
   * @param optional those of them that the handler may not come to: they are passed over when it comes to what is behind them
   */
  expect(seqs: readonly number[], optional: readonly number[] = []): void {
    this.#queue = [...seqs, ...this.#queue];
    for (const seq of optional) this.#optional.add(seq);
    this.#recorded = seqs.at(-1) ?? 0;
    this.#last = Math.max(this.#last, this.#recorded);
  }

  /** A number for what will be delivered after all that has one. It must come to a turn, or be dropped. */
  issue(): number {
    this.#queue.push(++this.#last);
    return this.#last;
  }

  /**
   * Settles when it is the turn of that number.
   *
   * @param recorded whether it is that of a checkpoint that is on record
   */
  turn(seq: number, recorded = true): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#broken) return reject(this.#broken);
      if (this.#passed.delete(seq)) return resolve();
      this.#ready.set(seq, { recorded, resolve, reject });
      this.#deliver();
    });
  }

  /** Settles when all that is on record has been delivered, and what was numbered since. */
  caughtUp(): Promise<void> {
    const next = this.#queue[this.#next];
    return next === undefined || next > this.#recorded
      ? Promise.resolve()
      : this.turn(this.issue(), false);
  }

  /** How many checkpoints that are on record the handler has got to know. An attempt that begins anew comes by the same numbers. */
  get delivered(): number {
    return this.#delivered;
  }

  /** What was delivered before is on record now. */
  recorded(): void {
    this.#delivered++;
  }

  /** Whether what is on record up to a number has been delivered. */
  isThrough(upTo: number): boolean {
    const next = this.#queue[this.#next];
    return next === undefined || next > upTo;
  }

  /** Settles when it has been. What is on record after it is not waited for. */
  through(upTo: number): Promise<void> {
    if (this.isThrough(upTo)) return Promise.resolve();
    // Between two whole numbers, so that nothing else has it.
    const barrier = upTo + ++this.#barriers / 2 ** 20;
    const place = this.#queue.findIndex((seq, n) => n >= this.#next && seq > barrier);
    this.#queue.splice(place === -1 ? this.#queue.length : place, 0, barrier);
    return this.turn(barrier, false);
  }

  /** There is nothing to deliver under that number. */
  drop(seq: number): void {
    this.#dropped.add(seq);
    this.#deliver();
  }

  /** Nobody is given a turn any more. */
  close(): void {
    clearTimeout(this.#stuck);
    this.#ready.clear();
  }

  #deliver(): void {
    if (this.#resting) return;
    while (this.#dropped.delete(this.#queue[this.#next]!)) this.#next++;
    const seq = this.#queue[this.#next];
    if (seq === undefined) return;
    const turn = this.#ready.get(seq);
    if (!turn) return this.#optional.has(seq) ? this.#passOver(seq) : this.#watch(seq);
    clearTimeout(this.#stuck);
    this.#stuck = undefined;
    this.#ready.delete(seq);
    this.#next++;
    this.#resting = true;
    if (turn.recorded) this.#delivered++;
    turn.resolve();
    setImmediate(() => {
      this.#resting = false;
      this.#deliver();
    });
  }

  /** The handler waits for what is behind it: when it has not come to it a turn of the event loop later, it does not. */
  #passOver(seq: number): void {
    if (this.#ready.size === 0 || this.#passing === seq) return;
    this.#passing = seq;
    setImmediate(() => {
      if (this.#queue[this.#next] !== seq || this.#ready.has(seq)) return;
      this.#passed.add(seq);
      this.#delivered++;
      this.#next++;
      this.#deliver();
    });
  }

  /** The handler may only be slow to come to it: it may do something else first. */
  #watch(seq: number): void {
    if (this.#ready.size === 0 || this.#stuck) return;
    this.#stuck = setTimeout(() => {
      this.#broken = this.#onStuck(seq);
      const waiting = [...this.#ready.values()];
      this.#ready.clear();
      for (const { reject } of waiting) reject(this.#broken);
    }, this.#patienceMs);
    // An attempt that nobody closes, because its worker has died in a test, must not keep the process.
    this.#stuck.unref();
  }
}

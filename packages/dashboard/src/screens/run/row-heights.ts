/**
 * How tall the rows of a long list are, of which most were never drawn and are taken for one line: where each begins, and which is at a
 * place. Either costs as many steps as the number of rows has bits (a Fenwick tree of what rows have beyond the guess).
 */
export class RowHeights {
  readonly #guess: number;
  #count = 0;
  /** What each row has beyond the guess. */
  #beyond = new Float64Array(1024);
  #tree = new Float64Array(1025);

  /** @param guess what a row has that nobody has measured, in pixels */
  constructor(guess: number) {
    this.#guess = guess;
  }

  get total(): number {
    return this.top(this.#count);
  }

  /** There are so many rows now; more come behind those that are there. */
  resize(count: number): void {
    this.#count = count;
    if (count <= this.#beyond.length) return;
    const old = this.#beyond;
    const room = 2 ** Math.ceil(Math.log2(count));
    this.#beyond = new Float64Array(room);
    this.#beyond.set(old);
    this.#tree = new Float64Array(room + 1);
    for (let n = 1; n <= room; n++) {
      this.#tree[n]! += this.#beyond[n - 1]!;
      const above = n + (n & -n);
      if (above <= room) this.#tree[above]! += this.#tree[n]!;
    }
  }

  /** @returns by how much it is taller than was thought */
  set(index: number, height: number): number {
    const grown = height - this.#guess - this.#beyond[index]!;
    if (grown === 0) return 0;
    this.#beyond[index]! += grown;
    for (let n = index + 1; n < this.#tree.length; n += n & -n) this.#tree[n]! += grown;
    return grown;
  }

  /** Where a row begins, from the beginning of the list. */
  top(index: number): number {
    let beyond = 0;
    for (let n = index; n > 0; n -= n & -n) beyond += this.#tree[n]!;
    return index * this.#guess + beyond;
  }

  /** Which row is at that place; the last one for what is behind it. */
  at(place: number): number {
    let index = 0;
    let left = place;
    for (let step = this.#tree.length - 1; step > 0; step >>= 1) {
      const tall = step * this.#guess + (this.#tree[index + step] ?? Infinity);
      if (index + step <= this.#count && tall <= left) {
        index += step;
        left -= tall;
      }
    }
    return Math.max(0, Math.min(index, this.#count - 1));
  }
}

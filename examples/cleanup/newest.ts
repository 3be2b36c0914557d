import type { FoundFile } from "./walk.ts";

/** Remembers the newest of many files, and no more than that; equally new ones in the order of their names. */
export class Newest {
  #count: number;
  /** The newest first. */
  #files: FoundFile[] = [];

  constructor(count: number) {
    this.#count = count;
  }

  add(file: FoundFile): void {
    if (this.#count === 0) return;
    const last = this.#files.at(-1);
    if (this.#files.length === this.#count && last && newerFirst(last, file) <= 0) return;
    let low = 0;
    for (let high = this.#files.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (newerFirst(this.#files[middle]!, file) <= 0) low = middle + 1;
      else high = middle;
    }
    this.#files.splice(low, 0, file);
    if (this.#files.length > this.#count) this.#files.pop();
  }

  /** By the bytes of their paths, as text of one byte a character. */
  keys(): ReadonlySet<string> {
    return new Set(this.#files.map(keyOf));
  }
}

export function keyOf(file: FoundFile): string {
  return file.path.toString("latin1");
}

function newerFirst(a: FoundFile, b: FoundFile): number {
  return b.mtimeMs - a.mtimeMs || Buffer.compare(a.path, b.path);
}

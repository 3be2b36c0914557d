import type { Line } from "./attempt-log.ts";

/** What a worker holds of lines that are not written yet, of all its runs. */
const MAX_LINES = 50_000;
const MAX_BYTES = 32 * 1024 * 1024;

/** When half of it is taken, an attempt holds no more than this: a flood leaves room for the lines of others. */
const MAX_OF_ONE = 1000;

/** How much a worker has been told by handlers, and has not written: more than it may hold is refused, however long the database is away. */
export class LogHold {
  #lines = 0;
  #bytes = 0;

  /** @param ofOne lines that the attempt has here already */
  takes(bytes: number, ofOne: number): boolean {
    if (this.#lines >= MAX_LINES || this.#bytes + bytes > MAX_BYTES) return false;
    const crowded = this.#lines > MAX_LINES / 2 || this.#bytes > MAX_BYTES / 2;
    return !crowded || ofOne < MAX_OF_ONE;
  }

  take({ bytes }: Line): void {
    this.#lines++;
    this.#bytes += bytes;
  }

  give(lines: readonly Line[]): void {
    this.#lines -= lines.length;
    for (const { bytes } of lines) this.#bytes -= bytes;
  }
}

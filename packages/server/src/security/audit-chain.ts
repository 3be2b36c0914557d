import { createHash } from "node:crypto";

/** What is hashed before the first entry. */
const NOTHING = "00".repeat(32);

/** An entry as it is kept: its text, and in hexadecimal the hash that it was given. */
export interface ChainedEntry {
  readonly seq: number;
  readonly entry: string;
  readonly hash: string;
}

/** Follows a chain from its first entry on. Each hash depends on all entries before, so nobody can change one and leave the later ones as they are. */
export class AuditChain {
  #seq = 0;
  #hash = NOTHING;

  /** The last entry that was added. */
  get head(): { seq: number; hash: string } {
    return { seq: this.#seq, hash: this.#hash };
  }

  /** @returns what is wrong with the entry, if something is; then it is not added */
  add({ seq, entry, hash }: ChainedEntry): string | undefined {
    const expected = this.#seq + 1;
    if (seq !== expected)
      return `entry ${expected} is missing; the one after ${this.#seq} is ${seq}`;
    const computed = createHash("sha256")
      .update(Buffer.from(this.#hash, "hex"))
      .update(entry, "utf8")
      .digest("hex");
    if (computed !== hash) return `entry ${seq} is not what was written`;
    this.#seq = seq;
    this.#hash = hash;
    return undefined;
  }
}

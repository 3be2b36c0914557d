/**
 * Finds where the messages of PostgreSQL's protocol end in one direction of a connection (protocol 3, section "Message Formats"): a byte
 * that names the kind, which the client's very first one has not, and a length that counts itself.
 */
export class WireMessages {
  /** Bytes of the head of a message that has not come whole. */
  #head = Buffer.alloc(0);
  /** Bytes that are still to come of a message whose head is known. */
  #rest = 0;
  #first: boolean;

  constructor(from: "client" | "server") {
    this.#first = from === "client";
  }

  /** @returns how many of these bytes come before the end of each message that ends among them */
  feed(bytes: Buffer): number[] {
    const ends: number[] = [];
    let at = 0;
    while (at < bytes.length) {
      if (this.#rest === 0) at = this.#readHead(bytes, at);
      const taken = Math.min(this.#rest, bytes.length - at);
      at += taken;
      this.#rest -= taken;
      if (this.#rest === 0 && this.#head.length === 0) ends.push(at);
    }
    return ends;
  }

  #readHead(bytes: Buffer, at: number): number {
    const size = this.#first ? 4 : 5;
    const part = bytes.subarray(at, at + size - this.#head.length);
    this.#head = Buffer.concat([this.#head, part]);
    if (this.#head.length === size) {
      this.#rest = this.#head.readInt32BE(size - 4) - 4;
      this.#head = Buffer.alloc(0);
      this.#first = false;
    }
    return at + part.length;
  }
}

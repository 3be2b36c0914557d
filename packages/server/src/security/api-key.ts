import { createHash, timingSafeEqual } from "node:crypto";

/** The server's API key. It keeps a hash, so that the key is in no dump of this object. */
export class ApiKey {
  readonly #hash: Buffer;

  /** @throws RangeError for a key that can be guessed */
  constructor(key: string) {
    if (key.length < 16) throw new RangeError("an API key has 16 characters at the least");
    this.#hash = sha256(key);
  }

  /** Takes the same time wherever the two differ: hashes are compared, and they are of one length. */
  matches(given: string): boolean {
    return timingSafeEqual(this.#hash, sha256(given));
  }
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

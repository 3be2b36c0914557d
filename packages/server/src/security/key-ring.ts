import { type KeyObject, createHash, createSecretKey } from "node:crypto";
import { MillraceError } from "@millrace/core";

/** In hexadecimal digits: as many of the SHA-256 of a key are its id. */
export const KEY_ID_LENGTH = 8;

const KEY_BYTES = 32;

/** 32 random bytes have fewer different ones once in 10^40 times: what has fewer was made up. */
const MIN_DIFFERENT = 8;

/** A key under which the keys of secrets are encrypted. Its bytes are in no dump of this object. */
export interface WrappingKey {
  readonly id: string;
  readonly key: KeyObject;
}

/** Several keys: the first encrypts, all decrypt. */
export class KeyRing {
  readonly first: WrappingKey;
  readonly #keys = new Map<string, WrappingKey>();

  /**
   * @param texts one key each, 32 bytes in base64; one at the least
   * @throws MillraceError `invalid_setting`, which says which key is wrong and why, and shows none
   */
  constructor(texts: readonly string[]) {
    for (const [index, text] of texts.entries()) {
      const key = readKey(text, `key ${index + 1} of ${texts.length}`);
      if (this.#keys.has(key.id)) throw wrong(`key ${index + 1} is there twice; leave one out`);
      this.#keys.set(key.id, key);
    }
    const [first] = this.#keys.values();
    if (!first) throw wrong("there is no key; write 32 random bytes in base64");
    this.first = first;
  }

  get ids(): string[] {
    return [...this.#keys.keys()];
  }

  get(id: string): WrappingKey | undefined {
    return this.#keys.get(id);
  }
}

/** Where the keys come from. */
export interface SecretKeys {
  /** Where that is, for people. */
  readonly words: string;
  /** Undefined while there are none. @throws MillraceError `invalid_setting`, `insecure_file` */
  read(): KeyRing | undefined;
  /** Makes the first key. @throws MillraceError `secret_key_missing` where that cannot be done */
  make(): KeyRing;
}

function readKey(text: string, what: string): WrappingKey {
  const bytes = Buffer.from(text, "base64");
  // Node's decoder passes over what is no base64.
  if (bytes.toString("base64") !== text && bytes.toString("base64url") !== text) {
    throw wrong(`${what} is not base64; make one with: openssl rand -base64 32`);
  }
  if (bytes.length !== KEY_BYTES) {
    throw wrong(
      `${what} has ${bytes.length} bytes, not ${KEY_BYTES}; make one with: openssl rand -base64 32`,
    );
  }
  if (new Set(bytes).size < MIN_DIFFERENT) {
    throw wrong(`${what} can be guessed; make one with: openssl rand -base64 32`);
  }
  const id = createHash("sha256").update(bytes).digest("hex").slice(0, KEY_ID_LENGTH);
  return { id, key: createSecretKey(bytes) };
}

function wrong(message: string): MillraceError {
  return new MillraceError("invalid_setting", message);
}

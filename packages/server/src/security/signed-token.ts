import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";

const MAC_BYTES = 32;

/** Longer ones are not looked at. */
const MAX_LENGTH = 4000;

/**
 * Bytes with a signature, as a text that may stand in an address: base64url of the bytes and their HMAC-SHA256. They can be read by whoever has
 * the text, and changed or made by nobody else.
 */
export class TokenSigner {
  readonly #key: Buffer;

  /**
   * @param secret 32 random bytes
   * @param purpose what is signed: a token of one purpose is none of another, though the secret is the same (HKDF-SHA256)
   */
  constructor(secret: Buffer, purpose: string) {
    if (secret.length < 32) throw new RangeError("a secret has 32 bytes at the least");
    this.#key = Buffer.from(hkdfSync("sha256", secret, "", purpose, 32));
  }

  sign(payload: Buffer): string {
    return Buffer.concat([payload, this.#mac(payload)]).toString("base64url");
  }

  /** @returns what was signed; undefined for anything else. What is wrong with it is not told, not even by the time that it takes */
  open(token: string): Buffer | undefined {
    if (token.length > MAX_LENGTH) return undefined;
    const bytes = Buffer.from(token, "base64url");
    // There is one spelling of a token: what the decoder passes over is not in it.
    if (bytes.length < MAC_BYTES || bytes.toString("base64url") !== token) return undefined;
    const payload = bytes.subarray(0, -MAC_BYTES);
    return timingSafeEqual(this.#mac(payload), bytes.subarray(-MAC_BYTES)) ? payload : undefined;
  }

  #mac(payload: Buffer): Buffer {
    return createHmac("sha256", this.#key).update(payload).digest();
  }
}

import { type KeyObject, createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { KEY_ID_LENGTH, type KeyRing, type WrappingKey } from "./key-ring.ts";

/** The first byte of all that is encrypted here: another way to do it gets another number. */
const FORMAT = 1;

const KEY_ID_BYTES = KEY_ID_LENGTH / 2;
const DATA_KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Of which secret something is the value: bound to it, so that it opens nowhere else. */
export interface SecretPlace {
  readonly name: string;
  readonly version: number;
}

/** A value under a key of its own, and that key under one of the ring. */
export interface Envelope {
  /** Format, id of the wrapping key, nonce, key, tag. */
  readonly wrappedKey: Buffer;
  /** Format, nonce, value, tag. */
  readonly sealed: Buffer;
}

/** It cannot be opened: why must not be told apart, for whoever tampers would learn from it. */
class Unopenable extends Error {
  override readonly name = "Unopenable";

  constructor() {
    super("it is not what was stored, or its key is not there");
  }
}

/** AES-256-GCM, under a new random key for every value. */
export function seal(ring: KeyRing, place: SecretPlace, value: string): Envelope {
  const dataKey = randomBytes(DATA_KEY_BYTES);
  const sealed = encrypt(dataKey, Buffer.of(FORMAT), context("value", place), Buffer.from(value));
  return { wrappedKey: wrap(ring.first, place, dataKey), sealed };
}

/** @throws Unopenable */
export function open(ring: KeyRing, place: SecretPlace, { wrappedKey, sealed }: Envelope): string {
  try {
    const dataKey = unwrap(ring, place, wrappedKey);
    return decrypt(dataKey, sealed, 1, context("value", place)).toString("utf8");
  } catch {
    throw new Unopenable();
  }
}

/** A new key, of which nothing is encrypted yet, and the same under the first of the ring. */
export function newWrappedKey(
  ring: KeyRing,
  place: SecretPlace,
): { key: Buffer; wrappedKey: Buffer } {
  const key = randomBytes(DATA_KEY_BYTES);
  return { key, wrappedKey: wrap(ring.first, place, key) };
}

/** @throws Unopenable */
export function openKey(ring: KeyRing, place: SecretPlace, wrappedKey: Buffer): Buffer {
  try {
    return unwrap(ring, place, wrappedKey);
  } catch {
    throw new Unopenable();
  }
}

/** The same data key under the first key of the ring: the value need not be touched. @throws Unopenable */
export function rewrap(ring: KeyRing, place: SecretPlace, wrappedKey: Buffer): Buffer {
  try {
    return wrap(ring.first, place, unwrap(ring, place, wrappedKey));
  } catch {
    throw new Unopenable();
  }
}

function wrap({ id, key }: WrappingKey, place: SecretPlace, dataKey: Buffer): Buffer {
  const header = Buffer.concat([Buffer.of(FORMAT), Buffer.from(id, "hex")]);
  return encrypt(key, header, context("key", place), dataKey);
}

function unwrap(ring: KeyRing, place: SecretPlace, wrappedKey: Buffer): Buffer {
  const id = wrappedKey.subarray(1, 1 + KEY_ID_BYTES).toString("hex");
  return decrypt(ring.get(id)!.key, wrappedKey, 1 + KEY_ID_BYTES, context("key", place));
}

function encrypt(key: KeyObject | Buffer, header: Buffer, about: Buffer, plain: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.concat([header, about]));
  return Buffer.concat([header, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(
  key: KeyObject | Buffer,
  bytes: Buffer,
  headerBytes: number,
  about: Buffer,
): Buffer {
  const header = bytes.subarray(0, headerBytes);
  const nonce = bytes.subarray(headerBytes, headerBytes + NONCE_BYTES);
  const cipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.concat([header, about]));
  cipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  const hidden = bytes.subarray(headerBytes + NONCE_BYTES, -TAG_BYTES);
  return Buffer.concat([cipher.update(hidden), cipher.final()]);
}

function context(what: "key" | "value", { name, version }: SecretPlace): Buffer {
  return Buffer.from(JSON.stringify(["millrace secret", what, name, version]));
}

import {
  type KeyObject,
  createCipheriv,
  createDecipheriv,
  createHmac,
  randomBytes,
} from "node:crypto";
import type { Json } from "@millrace/core";

/*
 * What a run keeps of its subject, encrypted: a text that says all that is needed to open it, but for the key. As JSON it stands as a string, so that any
 * column that holds JSON or text may have it, and so that what SQL puts together of several (the results of children) can still be opened.
 */

/** The first byte of all that is encrypted here: another way to do it gets another number. */
const FORMAT = 1;

/** Where sealed content stands; what was moved to another place does not open. Only added to: its number there is what is stored. */
const PLACES = [
  "input",
  "output",
  "step",
  "error",
  "stack",
  "log",
  "fields",
  "progress",
  "published",
  "note",
  "approval",
] as const;

export type Place = (typeof PLACES)[number];

/** What is bound to sealed content, and said by it in clear. */
export interface SealedHeader {
  /** A UUID. */
  readonly subject: string;
  /** A UUID; null for an input, which is encrypted before its run has an id, and copied to others. */
  readonly run: string | null;
  readonly place: Place;
  /** It is JSON, and no text. */
  readonly json: boolean;
}

const HEADER_BYTES = 3 + 16 + 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const OPENING = "[sealed ";

const SEALED = /^\[sealed ([A-Za-z0-9_-]{84,})\]$/;

/** In a JSON text, with the quotes around it. */
const SEALED_IN_JSON = /"\[sealed [A-Za-z0-9_-]{84,}\]"/g;

/**
 * AES-256-GCM under the key of a subject.
 *
 * @param once what the nonce is made of instead of chance: the same content then gives the same text, by which a repeated request is known
 */
export function sealContent(
  key: KeyObject,
  header: SealedHeader,
  content: string,
  once?: string,
): string {
  const about = headerBytes(header);
  const nonce = once === undefined ? randomBytes(NONCE_BYTES) : nonceOf(key, about, once, content);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(about);
  const hidden = [cipher.update(content, "utf8"), cipher.final(), cipher.getAuthTag()];
  return `${OPENING}${Buffer.concat([about, nonce, ...hidden]).toString("base64url")}]`;
}

/** @returns undefined when it is not what was sealed under this key */
export function openContent(key: KeyObject, text: string): string | undefined {
  const bytes = bytesOf(text);
  if (!bytes) return undefined;
  const rest = bytes.subarray(HEADER_BYTES);
  try {
    const nonce = rest.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(bytes.subarray(0, HEADER_BYTES));
    decipher.setAuthTag(rest.subarray(-TAG_BYTES));
    const hidden = rest.subarray(NONCE_BYTES, -TAG_BYTES);
    return Buffer.concat([decipher.update(hidden), decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}

/** What sealed content says of itself, which is true when it can be opened; undefined for any other text. */
export function readHeader(text: string): SealedHeader | undefined {
  const bytes = bytesOf(text);
  const place = bytes && PLACES[bytes[1]!];
  if (!bytes || !place) return undefined;
  const run = bytes.subarray(19, 35);
  return {
    subject: uuidOf(bytes.subarray(3, 19)),
    run: run.every((byte) => byte === 0) ? null : uuidOf(run),
    place,
    json: bytes[2] === 1,
  };
}

/** Quickly, for whatever is read: hardly any is. */
export function looksSealed(text: string): boolean {
  return text.startsWith(OPENING);
}

/** The same for a JSON text that may have some within. */
export function mayHoldSealed(json: string): boolean {
  return json.includes(`"${OPENING}`);
}

/** All that is sealed in a JSON text. */
export function sealedIn(json: string): string[] {
  return [...json.matchAll(SEALED_IN_JSON)].map(([quoted]) => quoted.slice(1, -1));
}

/** A JSON text with what is sealed in it replaced; `open` answers JSON. */
export function replaceSealed(json: string, open: (sealed: string) => string): string {
  return json.replaceAll(SEALED_IN_JSON, (quoted) => open(quoted.slice(1, -1)));
}

/** A JSON text for others than who may look at the run; the same each time. */
export function hideSealed(json: string): string {
  return mayHoldSealed(json) ? replaceSealed(json, () => '"[sealed]"') : json;
}

/** What stands in place of an input: the subject by its id, also where the job's limits look for their key. */
export interface SealedInput {
  readonly $sealed: string;
  readonly $subject: string;
}

export function sealedInputText(sealed: string, subject: string, path: readonly string[]): string {
  const key = path.reduceRight<unknown>((value, part) => ({ [part]: value }), subject) as object;
  return JSON.stringify({ ...key, $sealed: sealed, $subject: subject });
}

/** Whether an input is encrypted, as it is read from the database. */
export function isSealedInput(input: unknown): input is SealedInput {
  return typeof input === "object" && input !== null && "$sealed" in input && "$subject" in input;
}

/** The same for its text, which need not be parsed for it. */
export function readSealedInput(text: string): SealedInput | undefined {
  if (!text.includes('"$sealed"')) return undefined;
  const input = JSON.parse(text) as Json;
  return isSealedInput(input) ? input : undefined;
}

function bytesOf(text: string): Buffer | undefined {
  const [, encoded] = SEALED.exec(text) ?? [];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, "base64url");
  return bytes[0] === FORMAT ? bytes : undefined;
}

function headerBytes({ subject, run, place, json }: SealedHeader): Buffer {
  const start = Buffer.of(FORMAT, PLACES.indexOf(place), json ? 1 : 0);
  return Buffer.concat([start, bytesOfUuid(subject), run ? bytesOfUuid(run) : Buffer.alloc(16)]);
}

/** Two different contents have the same with a chance of 1 in 2^96. */
function nonceOf(key: KeyObject, about: Buffer, once: string, content: string): Buffer {
  const hmac = createHmac("sha256", key).update(about);
  hmac.update(JSON.stringify([once, content]));
  return hmac.digest().subarray(0, NONCE_BYTES);
}

function bytesOfUuid(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll("-", ""), "hex");
}

function uuidOf(bytes: Buffer): string {
  const hex = bytes.toString("hex");
  const [a, b, c, d] = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)];
  return `${a}-${b}-${c}-${d}-${hex.slice(20)}`;
}

import { MillraceError, byteLength, toJsonText } from "@millrace/core";
import { nonRetryable } from "./errors.ts";
import { asFinal } from "./step/refusal.ts";

/** What a run may publish. */
export const PUBLISH_LIMITS = {
  keys: 100,
  /** Characters of a key. */
  keyLength: 100,
  /** Of one value, in bytes of JSON. */
  valueBytes: 64 * 1024,
} as const;

/** What a handler publishes. Plain data: it may cross from one process to another. */
export interface Publication {
  readonly key: string;
  /** JSON text. */
  readonly value: string;
  /** How many checkpoints the handler had got to know. What was published after more of them is newer, whichever attempt it is of. */
  readonly checkpoints: number;
}

/** Records what a handler publishes: see {@link Context.publish}. */
export type Publish = (key: string, value: unknown) => Promise<void>;

/** @throws MillraceError `invalid_publication`, `invalid_json`, `payload_too_large`: in every attempt the same */
export function publicationOf(key: unknown, value: unknown): Pick<Publication, "key" | "value"> {
  if (!isKey(key)) {
    throw badPublication(
      `${typeof key === "string" ? JSON.stringify(key.slice(0, 60)) : `a ${typeof key}`} is not a key to publish under; give it 1 to ${PUBLISH_LIMITS.keyLength} characters`,
    );
  }
  const what = `what is published as ${JSON.stringify(key)}`;
  const text = asFinal(() => toJsonText(value, what));
  const bytes = byteLength(text);
  if (bytes <= PUBLISH_LIMITS.valueBytes) return { key, value: text };
  throw nonRetryable(
    new MillraceError(
      "payload_too_large",
      `${what} has ${bytes} bytes, and ${PUBLISH_LIMITS.valueBytes} are allowed; store the data and publish a reference to it`,
    ),
  );
}

/** @returns a refusal that every other attempt would get, too */
export function badPublication(message: string): MillraceError {
  return nonRetryable(new MillraceError("invalid_publication", message));
}

function isKey(key: unknown): key is string {
  return (
    typeof key === "string" &&
    key !== "" &&
    key.length <= PUBLISH_LIMITS.keyLength &&
    !key.includes("\0") &&
    key.isWellFormed()
  );
}

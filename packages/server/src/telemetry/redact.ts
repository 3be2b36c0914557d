import { isSecretKey } from "@millrace/core";

const REDACTED = "[redacted]";

/** Deeper ones were cut before they came here, or are nobody's. */
const MAX_DEPTH = 8;

/** As they may stand in a URL: up to the last `@` of its authority, without what would end that, or a text in JSON. */
const URL_PASSWORD =
  /(\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s/:@?#"<>\\]{0,200}:)[^\s/?#"<>\\]{1,500}@/gi;

/** A text, of which JSON stays JSON, with `[redacted]` in the place of the passwords of URLs, as in `postgres://app:[redacted]@db/shop`. */
export function withoutUrlPasswords(text: string): string {
  return text.includes("://") ? text.replaceAll(URL_PASSWORD, `$1${REDACTED}@`) : text;
}

const known = new Map<string, boolean>();
const MAX_KNOWN = 1000;

/** The fields of a line, with `[redacted]` in the place of what lies under a key such as `password`. What is not plain data stays as it is. */
export function withoutSecretKeys(
  fields: Record<string, unknown>,
  depth = 0,
): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    shown[key] = value != null && isSecret(key, value) ? REDACTED : shownValue(value, depth);
  }
  return shown;
}

/** The same for fields that are JSON text already, to any depth. A text in which nothing is to be blotted out stays as it is written. */
export function jsonWithoutSecretKeys(text: string): string {
  let found = false;
  const shown: unknown = JSON.parse(text, (key, value: unknown) => {
    if (value == null || !isSecret(key, value)) return value;
    found = true;
    return REDACTED;
  });
  return found ? JSON.stringify(shown) : text;
}

function shownValue(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null || value instanceof Error) return value;
  if (depth >= MAX_DEPTH) return "[too deep]";
  if (Array.isArray(value)) return value.map((item) => shownValue(item, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  return withoutSecretKeys(value as Record<string, unknown>, depth + 1);
}

/** Numbers of tokens are what language models are paid for. */
function isSecret(key: string, value: unknown): boolean {
  return isKnownSecret(key) && !(typeof value === "number" && /tokens$/i.test(key));
}

/** The keys of a process are few, and told of often. */
function isKnownSecret(key: string): boolean {
  let secret = known.get(key);
  if (secret === undefined) {
    secret = isSecretKey(key);
    if (known.size < MAX_KNOWN) known.set(key, secret);
  }
  return secret;
}

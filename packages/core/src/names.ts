import { MillraceError } from "./errors.ts";

/** Job and queue names: lower case, digits, and single `.`, `_`, `-`, `:` or `/` between them; 100 characters at most. */
export const NAME_PATTERN = /^[a-z0-9]+(?:[._:/-][a-z0-9]+)*$/;

export const MAX_NAME_LENGTH = 100;

export const DEFAULT_QUEUE = "default";

/** Runs of a higher priority start first within their queue. */
export const MIN_PRIORITY = -100;
export const MAX_PRIORITY = 100;

export function isName(text: string): boolean {
  return text.length <= MAX_NAME_LENGTH && NAME_PATTERN.test(text);
}

/** @throws MillraceError `invalid_job` naming `field` */
export function requireName(text: string, field: string): string {
  if (typeof text === "string" && isName(text)) return text;
  throw new MillraceError(
    "invalid_job",
    `${field}: ${JSON.stringify(text)} is not a name; use lower case letters and digits, with single . _ - : or / between them, 100 characters at most`,
  );
}

import { MillraceError } from "@millrace/core";

/** What a place of its own would have to encrypt by itself: the keys of subjects stay in the worker. */
export function noKeyHere(what: string): MillraceError {
  return new MillraceError(
    "subject_not_encrypted",
    `${what} records in a transaction of the handler, and a handler in a thread or process has no key of its subject; leave isolation out, or record without a transaction`,
  );
}

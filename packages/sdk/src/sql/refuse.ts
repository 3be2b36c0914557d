import { MillraceError } from "@millrace/core";

/** The handle is that of a pool, or of a connection without a transaction: its statements would not belong together. */
export function refuseHandle(what: string, instead: string): never {
  throw new MillraceError(
    "invalid_transaction",
    `this is ${what}, and what it is asked for would not belong to your transaction; ${instead}`,
  );
}

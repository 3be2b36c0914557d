import { type ErrorCode, MillraceError } from "@millrace/core";
import { nonRetryable } from "../errors.ts";

/** What is refused is refused in every attempt. */
export function refusal(code: ErrorCode, message: string): MillraceError {
  return nonRetryable(new MillraceError(code, message));
}

/** Does something whose refusal by us is one for good. */
export function asFinal<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof MillraceError ? nonRetryable(error) : error;
  }
}

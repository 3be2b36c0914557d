import { toFailure } from "@millrace/core";
import { nonRetryable } from "../errors.ts";

/** Longer messages are cut: they are read again in every attempt. */
const MAX_MESSAGE = 10_000;

/**
 * What a step has thrown in an earlier attempt, whose handler went on all the same: it is thrown in every later one, and the step is not
 * run again. `name` is that of the error that was thrown, such as `TypeError`: tell errors of steps apart by that, and not by their class.
 */
export class StepFailedError extends Error {
  override readonly name: string;
  /** The class of the error that was thrown. */
  readonly errorClass: string;

  constructor(errorClass: string, message: string) {
    super(message);
    this.name = errorClass;
    this.errorClass = errorClass;
  }
}

/** What a step has thrown, as it is recorded. */
export function failureText(thrown: unknown): string {
  const failure = toFailure(thrown);
  return JSON.stringify({ class: failure.class, message: failure.message.slice(0, MAX_MESSAGE) });
}

/** What is recorded so, to be thrown: for good, because another attempt would get the same. */
export function failureOf(text: string): StepFailedError {
  const failure = JSON.parse(text) as { class: string; message: string };
  return nonRetryable(new StepFailedError(failure.class, failure.message));
}

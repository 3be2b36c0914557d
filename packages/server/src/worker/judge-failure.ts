import { type ErrorCode, type Failure, MillraceError, toFailure } from "@millrace/core";
import { type Job, type RetryAnswer, holdOf, judgeRetry } from "@millrace/sdk";

/** What is to be known of a thrown error, as plain data that may cross from one process to another. */
export interface JudgedFailure {
  failure: Failure;
  answer: RetryAnswer;
  /** What else is to wait as long as the retry does. */
  hold?: "key" | "job";
  /** What went wrong in a retry rule; the answer is the job's backoff then. */
  ruleTrouble: Failure | null;
}

/** Must be called where the error was thrown: its class means nothing anywhere else. */
export function judgeFailure(
  thrown: unknown,
  { retry, retryRules }: Pick<Job, "retry" | "retryRules">,
): JudgedFailure {
  const failure = failureFrom(thrown);
  // What does not fit the schema will not fit the next time, and what would put a secret on record would do so again.
  if (isInvalidInput(thrown) || codeOf(thrown) === "secret_exposed")
    return { failure, answer: { retry: "never" }, ruleTrouble: null };
  const { answer, trouble } = judgeRetry(thrown, { retry, rules: retryRules });
  const hold = holdOf(thrown);
  return {
    failure,
    answer,
    ...(hold && { hold }),
    ruleTrouble: trouble === undefined ? null : toFailure(trouble),
  };
}

/** What is kept of a thrown error. */
export function failureFrom(thrown: unknown): Failure {
  const failure = toFailure(thrown);
  return isInvalidInput(thrown) ? { ...failure, class: "InvalidInput", stack: null } : failure;
}

function isInvalidInput(thrown: unknown): boolean {
  return codeOf(thrown) === "invalid_input";
}

function codeOf(thrown: unknown): ErrorCode | undefined {
  return thrown instanceof MillraceError ? thrown.code : undefined;
}

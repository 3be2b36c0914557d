import {
  type Backoff,
  type BackoffOptions,
  type Duration,
  MillraceError,
  backoff,
  durationMs,
} from "@millrace/core";
import { errorChain, isNonRetryable, retryAfterMs } from "./errors.ts";

/**
 * What a rule says of an error:
 * - `'never'`: the run fails at once.
 * - milliseconds, a duration or an instant: the next attempt follows then.
 * - backoff options: the next attempt follows by this backoff; what it does not say is the job's.
 * - `false`, `null`, `undefined`: not mine; the next rule looks.
 */
export type RetryRuleAnswer =
  | "never"
  | number
  | Duration
  | Date
  | BackoffOptions
  | false
  | null
  | undefined;

/** One rule of a job's retries; made by {@link on}. */
export interface RetryRule {
  /** @returns its answer to one error of a chain of causes */
  readonly ask: (error: unknown) => RetryRuleAnswer;
}

type ErrorClass<E> = abstract new (...args: never[]) => E;

const RULE = Symbol.for("millrace.retryRule");

/**
 * A rule of a job's `retry.rules`. It looks at the error that the handler threw, then at its causes, five at the most.
 *
 * @example
 *   on(HttpError, (error) => error.status === 429 && error.retryAfter)
 *   on(TypeError, "never")
 *   on((error) => error instanceof Error && /deadlock/.test(error.message), { firstDelay: "50ms", maxAttempts: 20 })
 *
 * @throws MillraceError `invalid_job`
 */
export function on(
  applies: (error: unknown) => unknown,
  answer:
    | Exclude<RetryRuleAnswer, false | null | undefined>
    | ((error: unknown) => RetryRuleAnswer),
): RetryRule;
export function on<E>(
  errorClass: ErrorClass<E>,
  answer: Exclude<RetryRuleAnswer, false | null | undefined> | ((error: E) => RetryRuleAnswer),
): RetryRule;
export function on(answer: (error: unknown) => RetryRuleAnswer): RetryRule;
export function on(...given: readonly unknown[]): RetryRule {
  const [first, answer] = given;
  if (typeof first !== "function") {
    refuse("give an error class or a function first");
  }
  if (given.length === 1) {
    if (isClass(first))
      refuse(`say what to do about ${first.name}, such as on(${first.name}, "never")`);
    return rule(first as RetryRule["ask"]);
  }
  const applies = isClass(first)
    ? (error: unknown) => error instanceof first
    : (first as (error: unknown) => unknown);
  if (typeof answer === "function") {
    const ask = answer as RetryRule["ask"];
    return rule((error) => applies(error) && ask(error));
  }
  // What is written in place can be checked in place.
  const fixed = answer as RetryRuleAnswer;
  if (!resolve(fixed, SAMPLE)) refuse("an answer that is always false never applies");
  return rule((error) => (applies(error) ? fixed : false));
}

function rule(ask: (error: unknown) => unknown): RetryRule {
  const made = { ask: ask as RetryRule["ask"] };
  Object.defineProperty(made, RULE, { value: true });
  return Object.freeze(made);
}

/**
 * @returns the rules of a job
 * @throws MillraceError `invalid_job` for what {@link on} has not made
 */
export function retryRules(given: unknown = []): readonly RetryRule[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : refuse("must be a list");
  const wrong = list.findIndex((one) => typeof one !== "object" || one === null || !(RULE in one));
  if (wrong === -1) return Object.freeze([...(list as RetryRule[])]);
  return refuse(`[${wrong}] is no rule; make it with on(ErrorClass, answer)`);
}

/** What is to follow a failed attempt, as plain data: where the error was thrown it is found, elsewhere it is carried out. */
export type RetryAnswer =
  | { readonly retry: "never" }
  | { readonly retry: "after"; readonly ms: number }
  | { readonly retry: "backoff"; readonly backoff: Backoff };

/** An answer, and what went wrong on the way to it. */
export interface RetryJudgement {
  readonly answer: RetryAnswer;
  /** What a rule threw, or that its answer means nothing; then the answer is the job's backoff. */
  readonly trouble?: unknown;
}

/**
 * What a job's policy says of a thrown error: `NonRetryableError` first, then the rules in their order, then
 * `RetryAfterError`, then the job's own backoff. Never throws because of a rule.
 */
export function judgeRetry(
  thrown: unknown,
  { retry, rules }: { retry: Backoff; rules: readonly RetryRule[] },
): RetryJudgement {
  if (isNonRetryable(thrown)) return { answer: { retry: "never" } };
  const usual: RetryAnswer = { retry: "backoff", backoff: retry };
  try {
    const ruled = askRules(thrown, rules, retry);
    if (ruled) return { answer: ruled };
  } catch (trouble) {
    return { answer: usual, trouble };
  }
  const ms = retryAfterMs(thrown);
  return { answer: ms === undefined ? usual : { retry: "after", ms } };
}

function askRules(
  thrown: unknown,
  rules: readonly RetryRule[],
  base: Backoff,
): RetryAnswer | undefined {
  if (rules.length === 0) return undefined;
  const chain = errorChain(thrown);
  for (const { ask } of rules) {
    for (const error of chain) {
      const answer = resolve(ask(error), base);
      if (answer) return answer;
    }
  }
  return undefined;
}

/** @throws MillraceError for what is no answer */
function resolve(answer: RetryRuleAnswer, base: Backoff): RetryAnswer | undefined {
  if (answer === false || answer === null || answer === undefined) return undefined;
  if (answer === "never") return { retry: "never" };
  if (answer instanceof Date) return after(answer.getTime() - Date.now());
  if (typeof answer === "number") return after(answer);
  if (typeof answer === "string") return after(durationMs(answer, "a retry rule"));
  if (typeof answer === "object") {
    return { retry: "backoff", backoff: backoff(answer, base, "a retry rule") };
  }
  return refuse(`its answer is a ${typeof answer}; answer "never", a time, a backoff, or false`);
}

function after(ms: number): RetryAnswer {
  if (Number.isNaN(ms)) refuse("its answer is not a time");
  return { retry: "after", ms: Math.max(0, ms) };
}

/** Only to check an answer that is written in place. */
const SAMPLE: Backoff = { maxAttempts: 1, firstDelayMs: 0, factor: 1, maxDelayMs: 0 };

/** An error class, told from a function that looks at errors: arrow functions and methods have no prototype. */
function isClass(value: Function): value is ErrorClass<unknown> & Function {
  const prototype = value.prototype as unknown;
  if (typeof prototype !== "object" || prototype === null) return false;
  if (prototype === Error.prototype || prototype instanceof Error) return true;
  return /^class\b/.test(Function.prototype.toString.call(value));
}

function refuse(why: string): never {
  throw new MillraceError("invalid_job", `retry.rules: ${why}`);
}

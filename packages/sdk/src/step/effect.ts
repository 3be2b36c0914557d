import type { Duration } from "@millrace/core";
import { refusal } from "./refusal.ts";
import type { StepContext, StepRetryOptions } from "./step.ts";
import { type StepPolicy, stepPolicy } from "./try-step.ts";

const KNOWN = ["do", "verify", "idempotent", "didNotHappen", "timeout", "retry"];

/** What the functions of an effect are told. */
export interface EffectContext extends StepContext {
  /** The same in every attempt, and in no other effect: hand it to the other side, so that it recognises a repeated request. 69 characters of ASCII. */
  readonly idempotencyKey: string;
  /** Which attempt of the run this is, from 1. */
  readonly attempt: number;
}

/** Whether an effect happened, as far as the other side can tell; with what it gave. */
export type Verified<T> = { happened: true; value: T } | { happened: false } | "unknown";

/** An effect, and what is to be done when it was begun and nobody knows whether it happened. */
export interface EffectOptions<T> {
  /** Touches the world. What it throws fails the attempt, and leaves in doubt whether the effect happened. */
  do: (effect: EffectContext) => T | Promise<T>;
  /** Asks the other side whether it happened, before `do` is called another time. What it throws fails the attempt. Default: nobody can be asked. */
  verify?: (effect: EffectContext) => Verified<NoInfer<T>> | Promise<Verified<NoInfer<T>>>;
  /** True when the other side does it once, however often it is asked under the same key: then `do` is simply called again. Default: false. */
  idempotent?: boolean;
  /** Whether what `do` threw says for certain that nothing has happened. Default: nothing does. */
  didNotHappen?: (error: unknown) => boolean;
  /** How long one call of `do`, or of `verify`, may take; then its signal is aborted and it has failed. Default: as long as the attempt may. */
  timeout?: Duration;
  /**
   * Calls `do` again in place, as for steps: with `idempotent: true` after any error, else after those of which `didNotHappen` says that
   * nothing has happened; without either it is refused. Default: none.
   */
  retry?: StepRetryOptions;
}

/** An effect, checked. */
export interface Effect extends StepPolicy {
  readonly do: (effect: EffectContext) => unknown;
  readonly verify: ((effect: EffectContext) => unknown) | undefined;
  readonly idempotent: boolean;
  /** Only `true` counts: a promise is no answer. */
  readonly didNotHappen: (error: unknown) => unknown;
}

/** @throws MillraceError `invalid_step` naming the option */
export function effectOf(given: EffectOptions<unknown>, what: string): Effect {
  const refuse = (why: string) => refusal("invalid_step", `${what}: ${why}`);
  if (typeof given !== "object" || given === null) {
    throw refuse("give it an object with do, and verify or idempotent where there is one");
  }
  const unknown = Object.keys(given).find((key) => !KNOWN.includes(key));
  if (unknown) throw refuse(`${unknown} is not an option; the options are ${KNOWN.join(", ")}`);
  const { do: act, verify, idempotent = false, didNotHappen, timeout, retry } = given;
  if (typeof act !== "function") throw refuse("do must be a function");
  for (const [option, value] of Object.entries({ verify, didNotHappen })) {
    if (value !== undefined && typeof value !== "function") {
      throw refuse(`${option} must be a function`);
    }
  }
  if (typeof idempotent !== "boolean") throw refuse("idempotent must be true or false");
  if (retry !== undefined && !idempotent && !didNotHappen) {
    throw refuse(
      "retry calls do again after an error that may have come when the effect had happened; that needs idempotent: true, or didNotHappen, which tells errors that came before",
    );
  }
  const policy = stepPolicy(
    { ...(timeout !== undefined && { timeout }), ...(retry !== undefined && { retry }) },
    what,
  );
  return { ...policy, do: act, verify, idempotent, didNotHappen: didNotHappen ?? (() => false) };
}

/** What `verify` answered, checked. @throws MillraceError `invalid_step` */
export function verified(answer: unknown, what: string): Verified<unknown> {
  if (answer === "unknown") return answer;
  const told = typeof answer === "object" && answer !== null ? answer : {};
  if ("happened" in told && told.happened === false) return { happened: false };
  if ("happened" in told && told.happened === true && "value" in told) {
    return { happened: true, value: told.value };
  }
  throw refusal(
    "invalid_step",
    `${what}: verify must answer { happened: true, value }, { happened: false } or "unknown"`,
  );
}

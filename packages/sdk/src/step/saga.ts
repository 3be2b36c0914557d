import type { AnyJob, InputOf, OutputOf } from "../job.ts";
import type { ChildOptions } from "./child-options.ts";
import type { EffectOptions } from "./effect.ts";
import { refusal } from "./refusal.ts";
import type { Step, StepContext, StepOptions } from "./step.ts";

/** Makes good what a step has done; told what the step gave. It may be called again, as steps are. */
export type Undo<T> = (value: T, step: StepContext) => unknown;

/**
 * Steps that are made good when the run ends as cancelled, or has failed for good: not when an attempt fails that will be retried. Then the
 * handler is executed once more over its record, what is not on record throws, and each compensation runs as a step, in reverse order.
 * A fork makes good only what it did itself.
 */
export interface Saga {
  /** As {@link Step}, and `undo` makes it good. */
  step<T>(name: string, fn: (step: StepContext) => T | Promise<T>, undo: Undo<T>): Promise<T>;
  step<T>(
    name: string,
    options: StepOptions,
    fn: (step: StepContext) => T | Promise<T>,
    undo: Undo<T>,
  ): Promise<T>;
  /** As {@link Step.effect}, and `undo` makes it good. */
  effect<T>(name: string, effect: EffectOptions<T>, undo: Undo<T>): Promise<T>;
  /** As {@link Step.call}, and `undo` makes good what the child has done, which has completed. */
  call<J extends AnyJob>(
    job: J,
    input: InputOf<J>,
    undo: Undo<OutputOf<J>>,
    options?: ChildOptions,
  ): Promise<OutputOf<J>>;
}

/** What is to be made good. */
export interface Compensation {
  /** Of the step. */
  readonly name: string;
  readonly ordinal: number;
  readonly undo: (step: StepContext) => unknown;
}

/** What a saga needs of the steps around it. */
export interface SagaGround {
  readonly step: Step;
  /** How often a name has been used so far. */
  readonly usesOf: (name: string) => number;
  /** Told, when a step has given something, how it is made good. */
  readonly add: (compensation: Compensation) => void;
}

export function sagaOver({ step, usesOf, add }: SagaGround): Saga {
  const undone = <T>(name: string, undo: Undo<T>, begin: () => Promise<T>): Promise<T> => {
    if (typeof undo !== "function") {
      throw refusal(
        "invalid_step",
        `saga: give step ${JSON.stringify(name)} a function that makes it good, as the last argument`,
      );
    }
    const started = begin();
    // It has got its place when it was called.
    const ordinal = usesOf(name);
    const begun = started.then((value) => {
      add({ name, ordinal, undo: (context) => undo(value, context) });
      return value;
    });
    // As of steps: a handler that awaits several in turn may have left by then.
    begun.catch(() => {});
    return begun;
  };
  const plain = step as unknown as (...all: unknown[]) => Promise<unknown>;
  return {
    step: (name: string, ...rest: unknown[]) => {
      const undo = rest.pop() as Undo<unknown>;
      // The compiler cannot see that a step gives what its function does.
      return undone(name, undo, () => plain(name, ...rest)) as Promise<never>;
    },
    effect: (name, effect, undo) => undone(name, undo, () => step.effect(name, effect)),
    call: (job, input, undo, options) =>
      undone(options?.name ?? job.name, undo, () => step.call(job, input, options)),
  };
}

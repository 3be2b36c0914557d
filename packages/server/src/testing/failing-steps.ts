import type { Context, Job, Saga, Step } from "@millrace/sdk";

/** A step as it is called: its name, options, and functions. */
type Plain = (name: string, ...rest: unknown[]) => unknown;

/** Which steps are to fail, and how often still. */
export class FailingSteps {
  readonly #failures = new Map<string, { left: number; error: Error }>();

  /** The next so many times that a step of that name, or with `undo:` before it its compensation, is executed, it throws instead. */
  add(name: string, times: number, error: Error): void {
    this.#failures.set(name, { left: times, error });
  }

  /** The job, with steps that fail. */
  in(job: Job): Job {
    const handle = (input: unknown, ctx: Context): unknown => job.handle(input, this.#context(ctx));
    return { ...job, isolation: "inline", handle };
  }

  #context(ctx: Context): Context {
    return new Proxy(ctx, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        return key === "step" ? this.#step(value as Step) : value;
      },
    });
  }

  #step(step: Step): Step {
    const plain = step as unknown as Plain;
    const failing: Plain = (name, ...rest) => {
      const fn = this.#guarded(name, rest.pop());
      return plain(name, ...rest, fn);
    };
    return Object.assign(failing as unknown as Step, step, {
      saga: () => this.#saga(step.saga()),
    });
  }

  #saga(saga: Saga): Saga {
    const plain = saga.step as unknown as Plain;
    const failing: Plain = (name, ...rest) => {
      const undo = this.#guarded(`undo:${name}`, rest.pop());
      const fn = this.#guarded(name, rest.pop());
      return plain(name, ...rest, fn, undo);
    };
    return { ...saga, step: failing as unknown as Saga["step"] };
  }

  #guarded(name: string, fn: unknown): (...given: unknown[]) => unknown {
    return (...given) => {
      const failure = this.#failures.get(name);
      if (!failure || failure.left === 0) return (fn as (...all: unknown[]) => unknown)(...given);
      failure.left--;
      throw failure.error;
    };
  }
}

import type { Context, Job, Step } from "@millrace/sdk";

/** Which steps are to fail, and how often still. */
export class FailingSteps {
  readonly #failures = new Map<string, { left: number; error: Error }>();

  /** The next so many times that a step of that name is executed, it throws instead. */
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
    const failing = (name: string, ...rest: unknown[]) => {
      const fn = rest.pop() as (...given: unknown[]) => unknown;
      const guarded = (...given: unknown[]) => {
        const failure = this.#failures.get(name);
        if (!failure || failure.left === 0) return fn(...given);
        failure.left--;
        throw failure.error;
      };
      return (step as unknown as (...all: unknown[]) => unknown)(name, ...rest, guarded);
    };
    return Object.assign(failing as unknown as Step, step);
  }
}

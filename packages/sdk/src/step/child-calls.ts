import type { StepKind } from "@millrace/core";
import type { AnyJob } from "../job.ts";
import type { Asked, Result } from "./asked.ts";
import type { StepPlace } from "./checkpoints.ts";
import {
  type ChildOptions,
  type ChildPlan,
  type FanOutOptions,
  callPlan,
  fanOutPlan,
  inputTexts,
  requireInputs,
} from "./child-options.ts";
import { childError, collectedResults } from "./child-results.ts";
import { callHere } from "./children-here.ts";
import { textOf } from "./step-place.ts";

/** The steps of an attempt, as calls of other jobs need them. */
interface Steps {
  /** The place of a step that begins now. */
  placeOf(name: string, kind: StepKind): StepPlace;
  /** Waits for as long as it takes. */
  wait(place: StepPlace, asked: Asked): Promise<Result>;
  /** Does something of the attempt that is not a wait. */
  busy<T>(work: () => Promise<T>): Promise<T>;
  /** That of the attempt. */
  signal: () => AbortSignal;
  /** There is no run that could have children. */
  callsHere: boolean;
}

/** The calls of other jobs that steps make. */
export class ChildCalls {
  readonly #steps: Steps;

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  async call(job: AnyJob, input: unknown, given: ChildOptions): Promise<unknown> {
    const place = this.#steps.placeOf(given?.name ?? job?.name, "call");
    const plan = callPlan(job, given, textOf(place));
    if (!this.#steps.callsHere) return JSON.parse(await this.#wait(job, [input], plan, place));
    const [output] = await this.#callHere(job, [input], plan, place);
    return output;
  }

  async fanOut(job: AnyJob, inputs: readonly unknown[], given: FanOutOptions): Promise<unknown> {
    const place = this.#steps.placeOf(given?.name ?? job?.name, "fan-out");
    const what = textOf(place);
    const plan = fanOutPlan(job, given, what);
    requireInputs(inputs, what);
    if (inputs.length === 0) return [];
    if (this.#steps.callsHere) return this.#callHere(job, inputs, plan, place);
    const text = await this.#wait(job, inputs, plan, place);
    return plan.collect ? collectedResults(text) : JSON.parse(text);
  }

  /** @returns the JSON text of what they gave */
  async #wait(
    job: AnyJob,
    inputs: readonly unknown[],
    { timeoutMs, ...plan }: ChildPlan,
    place: StepPlace,
  ): Promise<string> {
    const what = textOf(place);
    const { value, failed } = await this.#steps.wait(place, {
      forMs: timeoutMs,
      children: async () => ({ ...plan, inputs: await inputTexts(job, inputs, what) }),
    });
    if (failed) throw childError(value!, what);
    return value!;
  }

  #callHere(
    job: AnyJob,
    inputs: readonly unknown[],
    plan: ChildPlan,
    place: StepPlace,
  ): Promise<unknown[]> {
    return this.#steps.busy(async () => {
      await inputTexts(job, inputs, textOf(place));
      return callHere(job, inputs, plan, this.#steps.signal());
    });
  }
}

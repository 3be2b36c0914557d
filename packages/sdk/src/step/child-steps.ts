import type { AnyJob } from "../job.ts";
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
import type { StepGround } from "./step-ground.ts";
import { textOf } from "./step-place.ts";
import { carriedHere } from "../tracing/carried.ts";
import { waitStep } from "./wait-step.ts";

/** {@link Step.call} */
export async function callStep(
  ground: StepGround,
  job: AnyJob,
  input: unknown,
  given: ChildOptions,
): Promise<unknown> {
  const place = ground.placeOf(given?.name ?? job?.name, "call");
  const plan = callPlan(job, given, textOf(place));
  if (!ground.checkpoints.callsHere) {
    return JSON.parse(await outputs(ground, place, job, [input], plan));
  }
  const [output] = await outputsHere(ground, place, job, [input], plan);
  return output;
}

/** {@link Step.fanOut} */
export async function fanOutStep(
  ground: StepGround,
  job: AnyJob,
  inputs: readonly unknown[],
  given: FanOutOptions,
): Promise<unknown> {
  const place = ground.placeOf(given?.name ?? job?.name, "fan-out");
  const what = textOf(place);
  const plan = fanOutPlan(job, given, what);
  requireInputs(inputs, what);
  if (inputs.length === 0) return [];
  if (ground.checkpoints.callsHere) return outputsHere(ground, place, job, inputs, plan);
  const text = await outputs(ground, place, job, inputs, plan);
  return plan.collect ? collectedResults(text) : JSON.parse(text);
}

/** @returns the JSON text of what the runs gave */
async function outputs(
  ground: StepGround,
  place: StepPlace,
  job: AnyJob,
  inputs: readonly unknown[],
  { timeoutMs, ...plan }: ChildPlan,
): Promise<string> {
  const what = textOf(place);
  const { value, failed } = await waitStep(ground, place, {
    forMs: timeoutMs,
    children: async () => ({
      ...{ ...plan, inputs: await inputTexts(job, inputs, what) },
      trace: carriedHere() ?? null,
    }),
  });
  if (failed) throw childError(value!, what);
  return value!;
}

/** There is no run that could have children: they are called in place. */
function outputsHere(
  ground: StepGround,
  place: StepPlace,
  job: AnyJob,
  inputs: readonly unknown[],
  plan: ChildPlan,
): Promise<unknown[]> {
  return ground.busy(async () => {
    await inputTexts(job, inputs, textOf(place));
    return callHere(job, inputs, plan, ground.signal());
  });
}

import { fromStepText } from "@millrace/core";
import type { StepPlace } from "./checkpoints.ts";
import { refusal } from "./refusal.ts";
import type { FailedPlace } from "./checkpoints.ts";
import type { StepContext, StepOptions } from "./step.ts";
import { failureOf } from "./step-failure.ts";
import type { StepGround } from "./step-ground.ts";
import { textOf } from "./step-place.ts";
import { stepPolicy, tryStep } from "./try-step.ts";

/** {@link Step} itself: what its function gave, from the record, or from calling it. */
export async function plainStep(
  ground: StepGround,
  name: string,
  options: StepOptions,
  fn: (step: StepContext) => unknown,
): Promise<unknown> {
  const place = ground.placeOf(name, "step");
  const what = textOf(place);
  if (typeof fn !== "function") throw refusal("invalid_step", `${what}: give it a function`);
  if (typeof options !== "object" || options === null) {
    throw refusal("invalid_step", `${what}: the options come before the function`);
  }
  const policy = stepPolicy(options, what);
  return await ground.busy(async () => {
    const known = await ground.recall(place);
    if (known?.failed) throw failureOf(known.value!);
    if (known) return fromStepText(known.value!);
    await ground.goOn(place);
    const { signal } = ground;
    const text = await executeStep(ground, place, () => tryStep(fn, policy, { signal, what }));
    // Not the value itself: what this attempt gets is what every later one will.
    return fromStepText(text);
  });
}

/**
 * Executes a step that is not on record.
 *
 * @param failing what else is to be recorded should it have thrown
 * @returns the text of what it gave, which is on record then
 */
export async function executeStep(
  ground: StepGround,
  place: StepPlace,
  fn: () => Promise<unknown>,
  failing: Pick<FailedPlace, "withdraws"> = {},
): Promise<string> {
  const { budget, checkpoints } = ground;
  const execute = async () => {
    const startedAt = performance.now();
    const make = async () => budget.admit(await ground.within(place.name, fn), textOf(place));
    const value = await make().catch((error: unknown) =>
      ground.failed({ ...place, ...failing }, startedAt, error),
    );
    const tookMs = performance.now() - startedAt;
    await ground.numbered((seq) => checkpoints.keep({ ...place, seq, tookMs, value }));
    return value;
  };
  return await budget.counted(() => ground.traced(place, execute));
}

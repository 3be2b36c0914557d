import { toStepText } from "@millrace/core";
import { refusal } from "./refusal.ts";
import type { StepGround } from "./step-ground.ts";

/** {@link Step.patched} */
export function patchedStep(ground: StepGround, name: string): Promise<boolean> {
  if (typeof name !== "string" || name === "" || name.length > 190) {
    throw refusal("invalid_step", "step.patched: give the change a name of 1 to 190 characters");
  }
  const told = ground.patches.get(name) ?? ask(ground, name);
  ground.patches.set(name, told);
  return told;
}

async function ask(ground: StepGround, name: string): Promise<boolean> {
  // A name of its own: a step that is called like the change keeps its place.
  const place = ground.placeOf(`patched:${name}`, "patch");
  return await ground.busy(async () => {
    if (await ground.recall(place)) return true;
    if (!(await ground.isNew())) return false;
    await ground.goOn(place);
    const { budget, checkpoints } = ground;
    const value = toStepText(true, name);
    await budget.counted(() =>
      ground.numbered((seq) => checkpoints.keep({ ...place, seq, tookMs: 0, value })),
    );
    return true;
  });
}

import { fromStepText } from "@millrace/core";
import type { StepPlace } from "./checkpoints.ts";
import { type Effect, type EffectOptions, effectOf } from "./effect.ts";
import { effectKey } from "./effect-key.ts";
import { type Performed, performEffect } from "./perform-effect.ts";
import type { StepGround } from "./step-ground.ts";
import { keyOf, textOf } from "./step-place.ts";

/** {@link Step.effect}: what it gave, from the record, from the world, or from a person who is waited for. */
export async function effectStep(
  ground: StepGround,
  name: string,
  given: EffectOptions<unknown>,
): Promise<unknown> {
  const place = ground.placeOf(name, "effect");
  const effect = effectOf(given, textOf(place));
  let found = await ground.busy(async (): Promise<Performed> => {
    const known = await ground.recall(place);
    return known ? { text: known.value! } : await perform(ground, place, effect);
  });
  while ("doubt" in found) {
    await ground.stand(place, found.doubt, true);
    found = await ground.busy(() => lookAtDoubt(ground, place, effect));
  }
  return fromStepText(found.text);
}

/** Lets an effect happen, and records its receipt. */
async function perform(ground: StepGround, place: StepPlace, effect: Effect): Promise<Performed> {
  await ground.goOn(place);
  return ground.traced(place, () => performNow(ground, place, effect));
}

async function performNow(
  ground: StepGround,
  place: StepPlace,
  effect: Effect,
): Promise<Performed> {
  const { checkpoints, runId, attempt, signal, stopped, warn, budget } = ground;
  const begun = ground.intents.get(keyOf(place));
  const startedAt = performance.now();
  const make = () =>
    ground.within(place.name, () =>
      performEffect(place, effect, begun, {
        idempotencyKey: effectKey(runId, place),
        attempt,
        signal,
        stopped,
        note: (note) => checkpoints.note(note),
        admit: (value) => budget.admit(value, textOf(place)),
        warn,
      }),
    );
  const performed = begun ? await make() : await budget.counted(make);
  if ("doubt" in performed) return performed;
  const tookMs = performance.now() - startedAt;
  await ground.numbered((seq) =>
    checkpoints.keep({ ...place, seq, tookMs, value: performed.text }),
  );
  return performed;
}

/** Whether a person has said meanwhile what became of an effect. */
async function lookAtDoubt(
  ground: StepGround,
  place: StepPlace,
  effect: Effect,
): Promise<Performed> {
  const key = keyOf(place);
  const intent = ground.intents.get(key)!;
  const { tries } = intent;
  const noted = await ground.checkpoints.note({ ...place, note: "in doubt", tries, error: null });
  if (!noted.answer) return { doubt: noted };
  ground.intents.set(key, { ...intent, answer: noted.answer });
  return await perform(ground, place, effect);
}

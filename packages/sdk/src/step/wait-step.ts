import type { Asked, Result } from "./asked.ts";
import type { StepPlace, Taken, Wait } from "./checkpoints.ts";
import type { StepGround } from "./step-ground.ts";
import { keyOf } from "./step-place.ts";

/**
 * Waits for as long as it takes, and holds no worker meanwhile: what sleeps, events, calls and approvals have in common.
 *
 * @returns the JSON text of what has come; null when nothing has
 */
export async function waitStep(
  ground: StepGround,
  place: StepPlace,
  { children, ...asked }: Asked,
): Promise<Result> {
  let found: Taken | Wait = await ground.busy(async () => {
    const known = await ground.recall(place);
    if (known) return { taken: true, value: known.value, failed: known.failed };
    const noted = ground.standing.get(keyOf(place));
    await ground.goOn(noted ? undefined : place);
    const standing =
      noted ??
      (await ground.budget.counted(async () => {
        const made = children ? await children() : null;
        const wait = { forMs: null, untilMs: null, event: null, ...asked, children: made };
        return ground.checkpoints.ask({ ...place, ...wait });
      }));
    ground.standing.set(keyOf(place), { ...place, ...standing });
    return standing;
  });
  while (!("taken" in found)) {
    if (!found.met && found.restMs > 0) {
      await ground.stand(place, found, children !== undefined || !!asked.event);
    }
    found = await ground.busy(() => take(ground, place));
  }
  return found;
}

/** Asks for what a wait has come to. */
async function take(ground: StepGround, place: StepPlace): Promise<Taken | Wait> {
  const found = await ground.numbered((seq) => ground.checkpoints.take(place, seq));
  if (!("taken" in found)) return found;
  ground.standing.delete(keyOf(place));
  return { ...found, ...ground.kept(place, found) };
}

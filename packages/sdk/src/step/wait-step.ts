import type { Asked, Result } from "./asked.ts";
import type { StandingWait, StepPlace, Taken, Wait } from "./checkpoints.ts";
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
  asked: Asked,
): Promise<Result> {
  const known = await ground.busy(async () => {
    const recorded = await ground.recall(place);
    if (!recorded) await ground.goOn(ground.standing.has(keyOf(place)) ? undefined : place);
    return recorded;
  });
  // In the same turn of the event loop, so the run is not left between the two.
  return known ?? ground.traced(place, () => waitUntilTaken(ground, place, asked));
}

async function waitUntilTaken(ground: StepGround, place: StepPlace, asked: Asked): Promise<Result> {
  let found: Taken | Wait = await ground.busy(() => standingWait(ground, place, asked));
  const { children, event, approval } = asked;
  while (!("taken" in found)) {
    if (!found.met && found.restMs > 0) {
      await ground.stand(place, found, !!(children ?? event ?? approval));
    }
    found = await ground.busy(() => take(ground, place));
  }
  return found;
}

/** How a wait stands that is not on record as over; it is asked for where it was not. */
export async function standingWait(
  ground: StepGround,
  place: StepPlace,
  { children, ...asked }: Asked,
): Promise<StandingWait> {
  const known = ground.standing.get(keyOf(place));
  if (known) return known;
  const wait = await ground.budget.counted(async () => {
    const made = children ? await children() : null;
    const none = { forMs: null, untilMs: null, event: null, approval: null };
    return ground.checkpoints.ask({ ...place, ...none, ...asked, children: made });
  });
  const standing = { ...place, ...wait };
  ground.standing.set(keyOf(place), standing);
  return standing;
}

/** Asks for what a wait has come to. */
async function take(ground: StepGround, place: StepPlace): Promise<Taken | Wait> {
  const found = await ground.numbered((seq) => ground.checkpoints.take(place, seq));
  if (!("taken" in found)) return found;
  ground.standing.delete(keyOf(place));
  return { ...found, ...ground.kept(place, found) };
}

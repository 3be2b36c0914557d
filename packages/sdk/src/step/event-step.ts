import { type AnyEvent, type WaitForOptions, isEvent } from "../define-event.ts";
import { awaitedEvent, receivedPayload } from "./awaited-event.ts";
import { refusal } from "./refusal.ts";
import type { StepGround } from "./step-ground.ts";
import { textOf } from "./step-place.ts";
import { waitStep } from "./wait-step.ts";

/** {@link Step.waitFor} */
export async function eventStep(
  ground: StepGround,
  event: AnyEvent,
  given: WaitForOptions,
): Promise<unknown> {
  if (!isEvent(event)) {
    throw refusal("invalid_step", "step.waitFor: give it an event, as defineEvent makes them");
  }
  const place = ground.placeOf(given?.name ?? event.name, "event");
  const what = textOf(place);
  const { value } = await waitStep(ground, place, awaitedEvent(event, given, what));
  return value === null ? null : await receivedPayload(event, value, what);
}

import { type Duration, durationMs } from "@millrace/core";
import type { Asked } from "./asked.ts";
import { asFinal, refusal } from "./refusal.ts";
import type { StepGround } from "./step-ground.ts";
import { textOf } from "./step-place.ts";
import { waitStep } from "./wait-step.ts";

/** Later instants PostgreSQL's timer refuses. */
const END_OF_TIME_MS = Date.UTC(10_000, 0);

/** {@link Step.sleep} */
export function sleepStep(ground: StepGround, name: string, duration: Duration): Promise<void> {
  return sleep(ground, name, (what) => ({ forMs: durationMs(duration, what) }));
}

/** {@link Step.sleepUntil} */
export function sleepUntilStep(ground: StepGround, name: string, date: Date): Promise<void> {
  return sleep(ground, name, (what) => ({ untilMs: instantMs(date, what) }));
}

async function sleep(
  ground: StepGround,
  name: string,
  until: (what: string) => Asked,
): Promise<void> {
  const place = ground.placeOf(name, "sleep");
  const asked = asFinal(() => until(textOf(place)));
  await waitStep(ground, place, asked);
}

function instantMs(date: Date, what: string): number {
  const ms = date instanceof Date ? date.getTime() : NaN;
  // What has passed has passed, also where PostgreSQL has no such year.
  if (Math.abs(ms) < END_OF_TIME_MS) return Math.max(0, ms);
  throw refusal("invalid_step", `${what}: give a Date before the year 10000`);
}

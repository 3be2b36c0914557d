import { STEP_LIMITS } from "@millrace/core";
import type { StepPlace } from "./checkpoints.ts";
import { refusal } from "./refusal.ts";

/** The names of compensations begin so, and those of no other step. */
export const UNDO = "undo:";

/** What tells the checkpoints of a run apart. */
export function keyOf({ name, ordinal }: Pick<StepPlace, "name" | "ordinal">): string {
  return `${ordinal} ${name}`;
}

/** How messages name a step. */
export function textOf({ name, ordinal, kind }: StepPlace): string {
  return `${kind} ${JSON.stringify(name)}${ordinal > 1 ? ` (${ordinal})` : ""}`;
}

/** @throws MillraceError `invalid_step` */
export function requireStepName(name: unknown): void {
  const fits =
    typeof name === "string" &&
    name !== "" &&
    !name.startsWith(UNDO) &&
    name.length <= STEP_LIMITS.nameLength &&
    !name.includes("\0") &&
    name.isWellFormed();
  if (fits) return;
  throw refusal(
    "invalid_step",
    `${typeof name === "string" ? JSON.stringify(name.slice(0, 60)) : `a ${typeof name}`} is not the name of a step; give it 1 to ${STEP_LIMITS.nameLength} characters, of which the first are not ${UNDO}`,
  );
}

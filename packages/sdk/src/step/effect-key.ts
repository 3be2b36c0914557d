import { createHash } from "node:crypto";
import type { StepPlace } from "./checkpoints.ts";

/**
 * The idempotency key of an effect: the run's id, `-`, and the first 32 hexadecimal digits of the SHA-256 of `<ordinal>:<name>`. It is
 * the same in every attempt, and no other effect has it. `millrace.effect_key` makes the same.
 */
export function effectKey(
  runId: string,
  { name, ordinal }: Pick<StepPlace, "name" | "ordinal">,
): string {
  const digest = createHash("sha256").update(`${ordinal}:${name}`).digest("hex");
  return `${runId}-${digest.slice(0, 32)}`;
}

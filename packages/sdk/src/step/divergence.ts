import { MillraceError } from "@millrace/core";

/** Why what is on record is not that of this code, if that is what was thrown: then the run is parked, and nothing of it has failed. */
export function divergenceOf(thrown: unknown): string | undefined {
  const is = thrown instanceof MillraceError && thrown.code === "step_mismatch";
  return is ? thrown.message : undefined;
}

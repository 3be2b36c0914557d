import { MillraceError } from "@millrace/core";

/** What a handler says its run has cost. @throws MillraceError `invalid_request` */
export function costUnits(units: number): number {
  if (Number.isFinite(units) && units >= 0) return units;
  throw new MillraceError("invalid_request", `cost: ${units} is not a number from 0 up`);
}

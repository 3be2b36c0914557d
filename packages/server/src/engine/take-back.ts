import { fingerprintOf } from "@millrace/core";
import { takeBack } from "../store/reap.ts";
import type { Queryable } from "../store/statement.ts";
import { MAX_CRASHES, MAX_LOST_APART, MIN_PROVEN } from "./poison.ts";

/** Of the text that the statement writes. */
const LOST = fingerprintOf({
  class: "WorkerLost",
  message: "its worker died 3 times while it ran, the last time while nothing else did",
  stack: null,
});

/**
 * Takes back up to a hundred leases of workers that were declared lost.
 *
 * @returns their runs; none when there are no such leases, or others are taking them back
 */
export function takeBackLost(db: Queryable): ReturnType<typeof takeBack> {
  return takeBack(db, MAX_CRASHES, MIN_PROVEN, MAX_LOST_APART, LOST);
}

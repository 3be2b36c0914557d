import { MillraceError, durationMs } from "@millrace/core";
import { storableInstant } from "./accept.ts";

/** When a pause ends by itself: at an instant, or after milliseconds by the database's clock; null both for never. */
export interface PauseEnd {
  until: Date | null;
  forMs: number | null;
}

/** @throws MillraceError `invalid_request` for an instant that is over */
export function pauseEnd(asked: {
  until?: string | undefined;
  for?: string | undefined;
}): PauseEnd {
  const until = asked.until === undefined ? null : storableInstant(asked.until, "/until");
  if (until && until.getTime() <= Date.now()) {
    throw new MillraceError(
      "invalid_request",
      "/until: it is over already; give an instant that is to come, or for with a duration",
      { pointer: "/until" },
    );
  }
  return { until, forMs: asked.for === undefined ? null : durationMs(asked.for, "for") };
}

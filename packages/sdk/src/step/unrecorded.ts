import type { Checkpoints, NewCheckpoint, Wait } from "./checkpoints.ts";

/** The checkpoints of a call that no run stands behind: steps simply run, and sleeps wait in place. */
export const UNRECORDED: Checkpoints = {
  read: () => Promise.resolve([]),
  keep: (checkpoint) => Promise.resolve(waitOf(checkpoint)),
};

/** By this process's clock: there is no other. */
function waitOf({ sleepMs, untilMs }: NewCheckpoint): Wait | null {
  const restMs = sleepMs ?? (untilMs === null ? undefined : untilMs - Date.now());
  if (restMs === undefined) return null;
  return { restMs: Math.max(0, restMs), dueMs: Date.now() + restMs };
}

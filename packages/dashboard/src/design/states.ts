import type { RunState } from "@millrace/core";
import type { IconName } from "./icon.tsx";

/** A state as it is shown: always a colour, a shape and a word, because none of the three is there for everybody. */
export interface Look {
  /** Of the colour token. */
  token: string;
  shape: IconName;
  word: string;
}

const LOOKS = {
  queued: { token: "queued", shape: "queued", word: "Queued" },
  scheduled: { token: "scheduled", shape: "scheduled", word: "Scheduled" },
  running: { token: "running", shape: "running", word: "Running" },
  waiting: { token: "waiting", shape: "waiting", word: "Waiting" },
  retrying: { token: "retrying", shape: "retrying", word: "Retrying" },
  completed: { token: "succeeded", shape: "completed", word: "Completed" },
  failed: { token: "failed", shape: "failed", word: "Failed" },
  lost: { token: "failed", shape: "lost", word: "Lost" },
  released: { token: "cancelled", shape: "released", word: "Released" },
  dead: { token: "dead", shape: "dead", word: "Dead" },
  cancelled: { token: "cancelled", shape: "cancelled", word: "Cancelled" },
} as const satisfies Record<string, Look>;

export type Shown = keyof typeof LOOKS;

export function lookOf(shown: Shown): Look {
  return LOOKS[shown];
}

/** A run that waits for its next attempt is scheduled, and an operator wants to know why. */
export function shownState(run: { state: RunState; failures: number; losses: number }): Shown {
  const again = run.failures + run.losses > 0;
  return run.state === "scheduled" && again ? "retrying" : run.state;
}

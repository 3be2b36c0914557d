import type { RunState } from "@millrace/core";

/** A state as it is shown: always a colour, a shape and a word, because none of the three is there for everybody. */
export interface Look {
  /** Of the colour token. */
  token: string;
  shape: string;
  word: string;
}

const LOOKS = {
  queued: { token: "queued", shape: "○", word: "Queued" },
  scheduled: { token: "scheduled", shape: "◷", word: "Scheduled" },
  running: { token: "running", shape: "◐", word: "Running" },
  waiting: { token: "waiting", shape: "⧗", word: "Waiting" },
  retrying: { token: "retrying", shape: "↻", word: "Retrying" },
  completed: { token: "succeeded", shape: "✓", word: "Completed" },
  failed: { token: "failed", shape: "✕", word: "Failed" },
  lost: { token: "failed", shape: "⚡", word: "Lost" },
  released: { token: "cancelled", shape: "↩", word: "Released" },
  dead: { token: "dead", shape: "▣", word: "Dead" },
  cancelled: { token: "cancelled", shape: "⊘", word: "Cancelled" },
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

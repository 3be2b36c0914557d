/**
 * The life of a run: its states, and the one table of what may move it.
 *
 * A run's state is not a column that gets rewritten; it is *where the run stands* (see ARCHITECTURE.md): in `ready` it
 * is queued, in `lease` running, in `timer` scheduled, or waiting when its steps wait. The guards in SQL, the diagram in docs/concepts.md and the test
 * that fires every (state, event) pair at a real database are all held against this table.
 */
export const RUN_STATES = [
  "scheduled",
  "queued",
  "running",
  "waiting",
  "completed",
  "failed",
  "cancelled",
] as const;

export type RunState = (typeof RUN_STATES)[number];

/** States that a run never leaves. A rerun is a new run. */
export const FINAL_STATES = ["completed", "failed", "cancelled"] as const satisfies RunState[];

export type FinalState = (typeof FINAL_STATES)[number];

export function isFinal(state: RunState): state is FinalState {
  return (FINAL_STATES as readonly RunState[]).includes(state);
}

/** How an attempt ended. `released` (a drain handed the run back, or its steps wait) and `lost` (what executed it died) are not the run's fault. */
export const ATTEMPT_OUTCOMES = ["completed", "failed", "lost", "cancelled", "released"] as const;

export type AttemptOutcome = (typeof ATTEMPT_OUTCOMES)[number];

/** The recorded cause of a run. */
export const TRIGGERS = [
  "api",
  "call",
  "schedule",
  "webhook",
  "event",
  "parent",
  "rerun",
  "sql",
] as const;

export type Trigger = (typeof TRIGGERS)[number];

export interface Transition {
  readonly event: string;
  readonly from: readonly RunState[];
  readonly to: readonly RunState[];
  /** Who may fire it. */
  readonly by: "dispatcher" | "worker" | "reaper" | "anyone";
}

/**
 * Every transition of an accepted run. An event that is fired in a state outside `from` changes nothing and says so.
 * `crash` is what happens when the process or thread that a run has for itself dies, and not the worker.
 * `suspend` is what happens when nothing is under way in its handler but waits of steps; the end of the first is `due`, and what comes
 * earlier is `wake`.
 * `park` is what happens when its code does not come to what it has on record: it waits for other code, and is tried again.
 * `continue` is what happens when the handler ends its run and starts the next of its chain.
 * `stop` is what a cancel of a running run becomes once its handler has let go.
 */
export const TRANSITIONS = [
  { event: "due", from: ["scheduled", "waiting"], to: ["queued"], by: "dispatcher" },
  { event: "wake", from: ["waiting"], to: ["queued"], by: "anyone" },
  { event: "claim", from: ["queued"], to: ["running"], by: "worker" },
  { event: "complete", from: ["running"], to: ["completed"], by: "worker" },
  { event: "continue", from: ["running"], to: ["completed"], by: "worker" },
  { event: "retry", from: ["running"], to: ["scheduled"], by: "worker" },
  { event: "fail", from: ["running"], to: ["failed"], by: "worker" },
  { event: "stop", from: ["running"], to: ["cancelled"], by: "worker" },
  { event: "release", from: ["running"], to: ["queued"], by: "worker" },
  { event: "suspend", from: ["running"], to: ["waiting"], by: "worker" },
  { event: "park", from: ["running"], to: ["waiting"], by: "worker" },
  { event: "lose", from: ["running"], to: ["queued", "failed", "cancelled"], by: "reaper" },
  { event: "crash", from: ["running"], to: ["queued", "failed", "cancelled"], by: "worker" },
  { event: "cancel", from: ["scheduled", "queued", "waiting"], to: ["cancelled"], by: "anyone" },
] as const satisfies readonly Transition[];

export type RunEvent = (typeof TRANSITIONS)[number]["event"];

/** Whether `event` may move a run that is in `state`. */
export function allows(state: RunState, event: RunEvent): boolean {
  return TRANSITIONS.some(
    (t) => t.event === event && (t.from as readonly RunState[]).includes(state),
  );
}

/** The table as a Mermaid state diagram, for docs/concepts.md; a test holds the page to it. */
export function lifecycleDiagram(): string {
  const arrows = TRANSITIONS.flatMap((t) =>
    t.from.flatMap((from) => t.to.map((to) => `  ${from} --> ${to}: ${t.event}`)),
  );
  const ends = FINAL_STATES.map((state) => `  ${state} --> [*]`);
  return [
    "stateDiagram-v2",
    "  [*] --> queued: accept",
    "  [*] --> scheduled: accept, not due yet",
    ...arrows,
    ...ends,
  ].join("\n");
}

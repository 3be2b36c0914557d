import type { NewChildren, NewWait, Taken } from "./checkpoints.ts";

/** What a step asks to wait for: nothing but a time, unless it says more. */
export interface Asked extends Partial<Pick<NewWait, "forMs" | "untilMs" | "event" | "approval">> {
  /** The runs that are to be made, asked for when the step is new. */
  readonly children?: () => Promise<NewChildren>;
}

/** What a wait came to. */
export type Result = Pick<Taken, "value" | "failed">;

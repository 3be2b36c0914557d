import type { StepKind } from "@millrace/core";

/** What names a checkpoint within its run. */
export interface StepPlace {
  readonly name: string;
  /** The n-th use of the name in the run, from 1. */
  readonly ordinal: number;
  readonly kind: StepKind;
}

/** A checkpoint that is on record. Plain data: it may cross from one process to another. */
export interface Checkpoint extends StepPlace {
  /** What the step gave, as {@link toStepText} wrote it; null for a sleep. */
  readonly value: string | null;
  /** Of a sleep; of a step null. */
  readonly wait: Wait | null;
}

/** What is left of a sleep, by the clock of who keeps it. */
export interface Wait {
  /** Milliseconds; 0 when it is over. */
  readonly restMs: number;
  /** When it is over, in milliseconds of Unix time. */
  readonly dueMs: number;
}

/** A checkpoint to be recorded. */
export interface NewCheckpoint extends StepPlace {
  /** How long the step took, in milliseconds. */
  readonly tookMs: number;
  readonly value: string | null;
  /** Of a sleep: how long it is, or until when, in milliseconds of Unix time; else both are null. */
  readonly sleepMs: number | null;
  readonly untilMs: number | null;
}

/** Where the checkpoints of one attempt are kept. */
export interface Checkpoints {
  /** What earlier attempts have recorded; asked for once, when the first step is. */
  read(): Promise<readonly Checkpoint[]>;
  /**
   * Records one.
   *
   * @returns what is left of a sleep; null for a step
   * @throws Aborted `lease-lost`, when the attempt no longer holds its run: then nothing was recorded
   */
  keep(checkpoint: NewCheckpoint): Promise<Wait | null>;
  /** Leaves the handler where it is, to begin anew at that time. Absent where a run cannot be left: sleeps wait in place. */
  readonly suspend?: ((dueMs: number) => void) | undefined;
}

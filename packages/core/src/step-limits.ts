/** What a run may keep of its steps: it reads them all when it is resumed, so they must fit into a worker's memory. */
export const STEP_LIMITS = {
  /** Of one step's value, in bytes of its stored text. */
  valueBytes: 1024 ** 2,
  /** Of all values of a run. */
  runBytes: 32 * 1024 ** 2,
  /** So many steps may a run have. */
  steps: 25_000,
  /** From so many on, its log has a warning. */
  warnSteps: 5000,
  /** Characters of a step's name. */
  nameLength: 200,
  /** Characters of what an approval asks, and of the note of an answer. */
  askLength: 2000,
  noteLength: 1000,
  /** Of an approval's details, in bytes of their JSON text. */
  detailsBytes: 16 * 1024,
} as const;

/** How much steps may give. */
export interface ValueLimits {
  /** Of one value, in bytes of its stored text. */
  readonly valueBytes: number;
  /** Of all values of a run. */
  readonly runBytes: number;
}

/** The same where a worker has a store for values: what is large lies there, and a reference to it in the database. */
export const STORED_LIMITS = {
  /** What is larger goes to the store. */
  fromBytes: 128 * 1024,
  valueBytes: 32 * 1024 ** 2,
  /** A run reads them all when it is resumed. */
  runBytes: 128 * 1024 ** 2,
} as const;

/**
 * What a checkpoint is of: a part of the handler, a sleep, an event that was waited for, a run that was called, or many, what touched the
 * world, a transaction of the handler's own, what a person was asked, or what made good another one.
 */
export const STEP_KINDS = [
  "step",
  "sleep",
  "event",
  "call",
  "fan-out",
  "effect",
  "transaction",
  "patch",
  "approval",
  "compensation",
] as const;

export type StepKind = (typeof STEP_KINDS)[number];

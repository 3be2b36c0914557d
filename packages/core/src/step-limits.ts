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
} as const;

/**
 * What a checkpoint is of: a part of the handler, a sleep, an event that was waited for, a run that was called, or many, what touched the
 * world, a transaction of the handler's own, or what made good another one.
 */
export const STEP_KINDS = [
  "step",
  "sleep",
  "event",
  "call",
  "fan-out",
  "effect",
  "transaction",
  "compensation",
] as const;

export type StepKind = (typeof STEP_KINDS)[number];

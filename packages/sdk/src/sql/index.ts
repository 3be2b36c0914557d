export type { Ask } from "./ask.ts";
export { type AttemptHold, completeRun } from "./complete.ts";
export { type EmittedInTransaction, emitIn } from "./emit.ts";
export { type EnqueuedInTransaction, enqueueIn, enqueueManyIn } from "./enqueue.ts";
export { keepStepIn } from "./keep-step.ts";
export { type Transaction, askerOf } from "./transaction.ts";

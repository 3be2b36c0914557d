import type { Failure } from "@millrace/core";
import type { Evidence } from "@millrace/core/api";
import type { Aborted, Suspension, Unwinding } from "@millrace/sdk";
import type { JudgedFailure } from "./judge-failure.ts";

/**
 * How a handler ended:
 * - value: it returned that.
 * - output: it returned, in a place of its own, what is this JSON text.
 * - continued: it returned, in a place of its own, that its run goes on as a new one with this input, a JSON text.
 * - invalidOutput: what it returned there cannot be stored.
 * - thrown: it threw that.
 * - judged: it threw, in a place of its own, what was judged there.
 * - unwound: it threw, and what it did was made good, because the run is to end.
 * - crashed: its place died, and nobody had told it to.
 * - diverged: in a place of its own, its code did not come to what is on record; the message says to what.
 * - suspended: it was left where it is, in waits of its steps.
 * - withheld: it was not started, because where the secrets of its job lie gives no answer.
 * - abandoned: it was told to stop, and its outcome is recorded without it.
 */
export type End =
  | { value: unknown }
  | { output: string | null }
  | { continued: string }
  | { invalidOutput: Failure }
  | { thrown: unknown }
  | { judged: JudgedFailure }
  | { unwound: Unwinding }
  | { crashed: Crash }
  | { diverged: string }
  | { suspended: Suspension }
  | { withheld: Failure }
  | { abandoned: true };

export interface Crash {
  failure: Failure;
  evidence: Evidence;
}

/** A handler under way, wherever it runs. */
export interface Handling {
  /** Settles, and never rejects, when the handler has really ended: until then it occupies its slot. No promise: it ended at once. */
  readonly ended: End | Promise<End>;
  /** When it begins, if that is not now. Never rejects. */
  readonly begun?: Promise<unknown>;
  /** Passes on that it is to stop. A handler in the worker hears it from its context. */
  readonly stop?: ((why: Aborted) => void) | undefined;
  /** Ends it by force, where that can be done. */
  readonly kill?: (() => void) | undefined;
}

import { type Failure, toFailure, toStepText } from "@millrace/core";
import { Aborted, nonRetryable } from "../errors.ts";
import { RunCancelledError, RunFailedError } from "../run-errors.ts";
import type { StepPlace } from "./checkpoints.ts";
import type { Compensation } from "./saga.ts";
import type { StepGround } from "./step-ground.ts";
import { UNDO } from "./step-place.ts";

/** Why a run is to end, before which it makes good what it has done. Plain data. */
export interface Unwinding {
  readonly cause: "cancelled" | "failed";
  /** Those of the run before. */
  readonly failures: number;
  /** What it has failed with; null when it was cancelled. */
  readonly failure: Failure | null;
}

/** What a run has done could not be made good. The cause is what its compensation, or its handler before that, has thrown. */
export class CompensationError extends Error {
  override readonly name = "CompensationError";
}

/** What a handler gets instead of what is not on record. */
export function endingError(runId: string, { failure }: Unwinding): Error {
  return nonRetryable(
    failure
      ? new RunFailedError(runId, failure.class, failure.message)
      : new RunCancelledError(runId),
  );
}

/** Why the signal of a handler is aborted that has got to know all that it did. */
export function endingSignal({ cause }: Unwinding): Aborted {
  const words = cause === "failed" ? "has failed" : "was cancelled";
  return new Aborted(cause, `the run ${words}, and makes good what it did`);
}

/** @param what names what could not be done */
export function compensationError(
  what: string,
  unwinding: Unwinding | null,
  thrown: unknown,
): CompensationError {
  const { class: kind, message } = toFailure(thrown);
  const { failure } = unwinding ?? { failure: null };
  const why = failure
    ? ` (it had failed with ${failure.class}: ${failure.message})`
    : unwinding
      ? " (it was cancelled)"
      : "";
  return new CompensationError(`${what}: ${kind}: ${message}${why}`, { cause: thrown });
}

/** Runs compensations, the last first, each as a step that is on record once it has run. */
export async function compensate(
  ground: StepGround,
  compensations: readonly Compensation[],
  unwinding: Unwinding | null,
): Promise<void> {
  const uses = new Map<string, number>();
  for (const { name, undo, only } of compensations.toReversed()) {
    if (only && only !== unwinding?.cause) continue;
    const ordinal = (uses.get(name) ?? 0) + 1;
    uses.set(name, ordinal);
    const place: StepPlace = { name: `${UNDO}${name}`, ordinal, kind: "compensation" };
    try {
      await make(ground, place, undo);
    } catch (error) {
      if (ground.stopped()) throw error;
      throw compensationError(
        `step ${JSON.stringify(name)} could not be made good`,
        unwinding,
        error,
      );
    }
  }
}

function make(ground: StepGround, place: StepPlace, undo: Compensation["undo"]): Promise<void> {
  return ground.busy(async () => {
    if (await ground.recall(place)) return;
    await ground.goOn();
    await ground.traced(place, () => makeNow(ground, place, undo));
  });
}

async function makeNow(
  ground: StepGround,
  place: StepPlace,
  undo: Compensation["undo"],
): Promise<void> {
  const { checkpoints, signal } = ground;
  const startedAt = performance.now();
  const context = {
    get signal() {
      return signal();
    },
  };
  await ground.within(place.name, () => undo(context));
  const tookMs = performance.now() - startedAt;
  const value = toStepText(undefined, place.name);
  await ground.numbered((seq) => checkpoints.keep({ ...place, seq, tookMs, value }));
}

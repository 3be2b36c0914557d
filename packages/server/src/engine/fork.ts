import { MillraceError } from "@millrace/core";
import { recordEvent } from "../store/events.ts";
import { readForRerun } from "../store/runs.ts";
import type { Queryable } from "../store/statement.ts";
import { copySteps, readPlace } from "../store/steps.ts";
import { type EnqueuedRun, enqueueAll } from "./enqueue.ts";
import { rerunRequest } from "./rerun.ts";

export interface Fork {
  runId: string;
  /** The first step that is to be run again. */
  step: string;
  /** Which use of its name, from 1. */
  ordinal: number;
  by: string;
  correlationId?: string | undefined;
  /** JSON text, which its job accepts, instead of the old run's input. */
  input?: string | undefined;
}

export interface ForkedRun extends EnqueuedRun {
  /** How many checkpoints of the old run it begins with. */
  steps: number;
}

/**
 * Makes a new run of the same job that begins with what another has on record before one of its steps: all that its handler got to know
 * before that. The other may be open, and stays as it is; so does its dead letter, if it is one, for this may be an experiment.
 *
 * @param tx a transaction: no worker may see the run before its checkpoints
 * @throws MillraceError `run_not_found`, `step_not_found`, `unknown_job`; `invalid_request` when steps before it have large values, or were
 *   made good
 */
export async function fork(tx: Queryable, asked: Fork): Promise<ForkedRun> {
  const { runId, step, ordinal, by, correlationId, input } = asked;
  const [old] = await readForRerun(tx, runId);
  if (!old) throw new MillraceError("run_not_found", `there is no run ${runId}`);
  const [place] = await readPlace(tx, runId, step, ordinal);
  if (!place) throw stepNotFound(asked);
  const request = rerunRequest(old, input);
  const [run] = await enqueueAll(tx, [
    correlationId === undefined ? request : { ...request, correlationId },
  ]);
  if (!run) throw new Error("enqueue gave no answer");
  const [copied] = await copySteps(tx, runId, run.id, place.seq);
  const { steps, stored, undone } = copied!;
  if (undone !== null) {
    throw new MillraceError(
      "invalid_request",
      `run ${runId} has made good its step ${JSON.stringify(undone)}, so no run can go on from there; fork it from that step or an earlier one, or rerun it`,
    );
  }
  if (stored) {
    throw new MillraceError(
      "invalid_request",
      `steps of run ${runId} before ${JSON.stringify(step)} have large values, which are in a store below that run; fork it from an earlier step, or rerun it`,
    );
  }
  const from = { step, ordinal, steps };
  await recordEvent(tx, runId, "forked", by, JSON.stringify({ run: run.id, ...from }));
  await recordEvent(tx, run.id, "fork", by, JSON.stringify({ of: runId, ...from }));
  return { ...run, steps };
}

function stepNotFound({ runId, step, ordinal }: Fork): MillraceError {
  const what = `${JSON.stringify(step)}${ordinal > 1 ? ` (${ordinal})` : ""}`;
  return new MillraceError(
    "step_not_found",
    `run ${runId} has no step ${what} on record; millrace run show lists those that it has`,
  );
}

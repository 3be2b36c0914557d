import { MillraceError } from "@millrace/core";
import type { Caller } from "../security/caller.ts";
import type { Database, Transaction } from "../store/database.ts";
import { recordEvent } from "../store/events.ts";
import { type CopiedRow, copySteps, pinAccepted } from "../store/forks.ts";
import { readForRerun } from "../store/runs.ts";
import type { Queryable } from "../store/statement.ts";
import { asCaller } from "./as-caller.ts";
import type { EnqueuedRun } from "./enqueue.ts";
import { enqueueAgain, rerunRequest } from "./rerun-inside.ts";

export interface Fork {
  runId: string;
  /** The first step that is to be run again. */
  step: string;
  /** Which use of its name, from 1. */
  ordinal: number;
  correlationId?: string | undefined;
  /** JSON text, which its job accepts, instead of the old run's input. */
  input?: string | undefined;
  /** Puts large values of steps, to which these refer, below the new run, too; absent where there is no store for them. */
  copyValues?:
    | ((from: string, to: string, steps: readonly StoredStep[]) => Promise<void>)
    | undefined;
}

/** A step with the reference to its value. */
export interface StoredStep {
  name: string;
  value: string;
}

export interface ForkedRun extends EnqueuedRun {
  /** How many checkpoints of the old run it begins with. */
  steps: number;
}

/**
 * Makes a new run of the same job that begins with what another has on record before one of its steps: all that its handler got to know
 * before that. The other may be open, and stays as it is; so does its dead letter, if it is one, for this may be an experiment. What is
 * taken over was made by the code to which the other is pinned, so the new one is, too.
 *
 * @throws MillraceError `forbidden`, `run_not_found`, `step_not_found`, `unknown_job`; `invalid_request` when steps before it were made good,
 *   or have large values and there is no store; what copying those throws
 */
export function fork(db: Database | Transaction, caller: Caller, asked: Fork): Promise<ForkedRun> {
  return asCaller(db, caller, "operate", { run: asked.runId }, async (tx, tell) => {
    const made = await forkInside(tx, caller.name, asked);
    const { runId, step, ordinal, input } = asked;
    const told = { run: made.id, step, ordinal, other_input: input !== undefined };
    tell("run.forked", `run:${runId}`, { after: told });
    return made;
  });
}

/** @param tx a transaction: no worker may see the run before its checkpoints */
async function forkInside(tx: Queryable, by: string, asked: Fork): Promise<ForkedRun> {
  const { runId, step, ordinal, correlationId, input } = asked;
  const [old] = await readForRerun(tx, runId);
  if (!old) throw new MillraceError("run_not_found", `there is no run ${runId}`);
  const request = rerunRequest(old, input);
  const [run] = await enqueueAgain(
    tx,
    [correlationId === undefined ? request : { ...request, correlationId }],
    [old],
  );
  if (!run) throw new Error("enqueue gave no answer");
  const [copied] = await copySteps(tx, runId, run.id, step, ordinal);
  if (!copied) throw stepNotFound(asked);
  const { steps, version } = copied;
  if (steps > 0) {
    requireStanding(asked, copied);
    // A crash before the commit leaves values of a run that there is not, which maintenance removes.
    if (copied.stored) await copyValues(asked, run.id, copied.stored);
    if (version !== null) await pinAccepted(tx, run.id, version);
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

/** What was made good is on record as if it had happened: a new run would rest on what is no more. */
function requireStanding({ runId, step }: Fork, { undoing, undone }: CopiedRow): void {
  if (!undoing && undone === null) return;
  const what = undoing
    ? `is making good what it did before ${JSON.stringify(step)}`
    : `has made good what its step ${JSON.stringify(undone)} did`;
  throw new MillraceError(
    "invalid_request",
    `run ${runId} ${what}; fork it from an earlier step, or rerun it`,
  );
}

async function copyValues(
  { runId, step, copyValues: copy }: Fork,
  to: string,
  stored: readonly StoredStep[],
): Promise<void> {
  if (copy) return copy(runId, to, stored);
  throw new MillraceError(
    "invalid_request",
    `steps of run ${runId} before ${JSON.stringify(step)} have large values, which are in a store that this server does not know; give it the MILLRACE_VALUE_STORE of the workers, fork the run from an earlier step, or rerun it`,
  );
}

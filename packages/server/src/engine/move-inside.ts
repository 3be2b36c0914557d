import { MillraceError } from "@millrace/core";
import { lockRun } from "../store/cancel.ts";
import { recordEvent } from "../store/events.ts";
import {
  holderOf,
  type Intake,
  lockTimer,
  placeRun,
  readIntake,
  standInReady,
  takeFromGate,
  takeFromReady,
} from "../store/move.ts";
import type { Queryable } from "../store/statement.ts";

export interface Move {
  runId: string;
  /** Default: it stays in its own. */
  queue?: string | undefined;
  /** Default: it keeps its own. */
  priority?: number | undefined;
}

export interface Moved {
  queue: string;
  priority: number;
  /** Whether it stands anywhere else than before. */
  moved: boolean;
  /** Whether it may start now. */
  ready: boolean;
}

/**
 * Puts a run that waits into another queue, or gives it another priority, as a part of a transaction, by whoever has it: nobody is asked whether he
 * may. It keeps how long it has waited, and so its place among those that were to start as soon as it.
 *
 * @throws MillraceError `run_not_found`, `run_finished`, `queue_not_found`, `queue_drained`; `run_not_waiting` for one that a worker holds
 */
export async function moveInside(tx: Queryable, by: string, asked: Move): Promise<Moved> {
  const { runId } = asked;
  await refuseHeld(tx, runId);
  // From here on nobody ends it, but a claim, a dispatcher or the gate may be about to take it from where it stands.
  const [run] = await lockRun(tx, runId);
  if (!run) throw new MillraceError("run_not_found", `there is no run ${runId}`);
  if (run.state) {
    throw new MillraceError("run_finished", `run ${runId} is ${run.state} already`);
  }
  const { queue = run.queue, priority = run.priority } = asked;
  if (queue === run.queue && priority === run.priority) {
    return { queue, priority, moved: false, ready: false };
  }
  if (queue !== run.queue) takes(queue, (await readIntake(tx, queue, run.job))[0]);
  // Each of these waits for whoever is about to move it on, and the next finds where to: in the order in which runs go.
  const [timer] = await lockTimer(tx, runId);
  const [ready] = timer ? [] : await takeFromReady(tx, runId, run.queue, run.priority);
  const [gate] = timer || ready ? [] : await takeFromGate(tx, runId, run.job);
  const stood = ready ?? gate;
  if (!timer && !stood) throw notWaiting(runId);
  await placeRun(tx, runId, queue, priority);
  if (stood) {
    const { version, start_by, since } = stood;
    await standInReady(tx, runId, queue, priority, run.job, version, start_by, since);
  }
  const before = { queue: run.queue, priority: run.priority };
  await recordEvent(tx, runId, "moved", by, JSON.stringify({ before, after: { queue, priority } }));
  return { queue, priority, moved: true, ready: stood !== undefined };
}

async function refuseHeld(tx: Queryable, runId: string): Promise<void> {
  if ((await holderOf(tx, runId)).length > 0) throw notWaiting(runId);
}

function notWaiting(runId: string): MillraceError {
  return new MillraceError(
    "run_not_waiting",
    `run ${runId} does not wait: a worker has it, or is about to; only what waits has a place`,
  );
}

function takes(queue: string, intake: Intake | undefined): void {
  if (!intake) {
    throw new MillraceError("queue_not_found", `there is no queue ${JSON.stringify(queue)}`, {
      pointer: "/queue",
    });
  }
  if (!intake.drained) return;
  throw new MillraceError(
    "queue_drained",
    `queue ${JSON.stringify(queue)} is being drained by ${intake.drained_by}; it takes no more runs until it is reopened`,
    { pointer: "/queue" },
  );
}

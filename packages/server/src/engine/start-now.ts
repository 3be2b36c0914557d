import { MillraceError, isFinal } from "@millrace/core";
import type { Caller } from "../security/caller.ts";
import type { Database } from "../store/database.ts";
import { recordEvent } from "../store/events.ts";
import { readRun } from "../store/runs.ts";
import type { Queryable } from "../store/statement.ts";
import { startEarly } from "../store/timers.ts";
import { asCaller } from "./as-caller.ts";

/**
 * Puts a run that is not due yet, or waits for its next attempt, into its queue now. What holds others back there holds it back as well; that
 * its job's budget of retries has put it off does not.
 *
 * @returns the queue
 * @throws MillraceError `forbidden`, `run_not_found`, `run_finished`, `not_scheduled`
 */
export function startNow(
  db: Database,
  caller: Caller,
  { runId, reason }: { runId: string; reason: string | null },
): Promise<string> {
  return asCaller(db, caller, "operate", { run: runId }, async (tx, tell) => {
    const [queued] = await startEarly(tx, runId);
    if (!queued) throw await refusal(tx, runId);
    await recordEvent(
      tx,
      runId,
      "started early",
      caller.name,
      reason && JSON.stringify({ reason }),
    );
    tell("run.started_early", `run:${runId}`, { after: { queue: queued.queue, reason } });
    return queued.queue;
  });
}

async function refusal(tx: Queryable, runId: string): Promise<MillraceError> {
  const [run] = await readRun(tx, runId);
  if (!run) return new MillraceError("run_not_found", `there is no run ${runId}`);
  const { state } = run;
  if (isFinal(state)) {
    return new MillraceError("run_finished", `run ${runId} is ${state} already; rerun it`);
  }
  const why = {
    queued: "is in its queue already; millrace explain says what holds it back",
    running: "is running",
    waiting: "waits for what its steps wait for: give it that, or cancel it",
    scheduled: "has just become due",
  }[state];
  return new MillraceError("not_scheduled", `run ${runId} ${why}`);
}

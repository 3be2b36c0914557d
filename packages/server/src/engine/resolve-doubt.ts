import { type Json, MillraceError, toStepText } from "@millrace/core";
import type { Caller } from "../security/caller.ts";
import type { Database } from "../store/database.ts";
import { type LockedWaitRow, answerDoubt, lockWaits, readDoubted } from "../store/doubts.ts";
import { recordEvent } from "../store/events.ts";
import type { Queryable } from "../store/statement.ts";
import { wakeWaiting } from "../store/timers.ts";
import { asCaller } from "./as-caller.ts";
import { sealStepOf } from "./subjects/seal-step.ts";
import { Subjects } from "./subjects/subjects.ts";

/** What a person says of an effect that is in doubt. */
export interface Resolution {
  runId: string;
  /** Of the effect; absent for the only one of the run that is in doubt. */
  name: string | undefined;
  ordinal: number | undefined;
  happened: boolean;
  /** What it gave, when it happened. */
  value: Json | undefined;
  note: string | null;
}

export interface Resolved {
  name: string;
  ordinal: number;
  /** The queues that got the run back. */
  queues: string[];
}

/**
 * Records whether an effect in doubt happened, and wakes its run.
 *
 * @param subjects of whom runs may be about: what is said of such a one is encrypted
 * @throws MillraceError `forbidden`, `run_not_found`, `run_finished`, `doubt_not_found`, `doubt_resolved`, `invalid_request` when it is not said
 *   which
 */
export function resolveDoubt(
  db: Database,
  caller: Caller,
  resolution: Resolution,
  subjects = new Subjects(db),
): Promise<Resolved> {
  const { runId, happened, value, note } = resolution;
  return asCaller(db, caller, "operate", { run: runId }, async (tx, tell) => {
    // All waits of the run: so a suspension at this moment has seen none of this, and is seen below, or has seen it all.
    const waits = await lockWaits(tx, runId);
    const { name, ordinal } = await chosen(tx, waits, resolution);
    const text = happened
      ? await sealStepOf(tx, subjects, runId, toStepText(value, "value"))
      : null;
    await answerDoubt(tx, runId, name, ordinal, happened, text);
    const detail = { name, ordinal, happened, ...(note !== null && { note }) };
    await recordEvent(tx, runId, "doubt resolved", caller.name, JSON.stringify(detail));
    // By another statement: a run that was suspended while the first waited for its locks is seen by this one only.
    const woken = await wakeWaiting(tx, [runId]);
    tell("doubt.resolved", `run:${runId}`, { after: { name, ordinal, happened, note } });
    return { name, ordinal, queues: woken.map(({ queue }) => queue) };
  });
}

async function chosen(
  tx: Queryable,
  waits: readonly LockedWaitRow[],
  { runId, name, ordinal }: Resolution,
): Promise<LockedWaitRow> {
  const meant = waits.filter(
    (wait) =>
      wait.doubted &&
      (name === undefined || wait.name === name) &&
      (ordinal === undefined || wait.ordinal === ordinal),
  );
  const open = meant.filter(({ answered }) => !answered);
  if (open.length > 1) {
    const names = open.map((wait) => `${wait.name} (${wait.ordinal})`).join(", ");
    throw new MillraceError(
      "invalid_request",
      `run ${runId} has ${open.length} effects in doubt that this may be about: ${names}; say which by name and ordinal`,
    );
  }
  const [run] = await readDoubted(tx, runId, name ?? null, ordinal ?? 1);
  if (!run) throw new MillraceError("run_not_found", `there is no run ${runId}`);
  if (run.state !== null) {
    throw new MillraceError("run_finished", `run ${runId} is ${run.state} already`);
  }
  if (open[0]) return open[0];
  const what = name === undefined ? "its effect" : `effect ${JSON.stringify(name)}`;
  if (meant.length > 0 || run.received) {
    throw new MillraceError(
      "doubt_resolved",
      `run ${runId}: of ${what} it is known already whether it happened`,
    );
  }
  throw new MillraceError(
    "doubt_not_found",
    `run ${runId}: ${what} is not in doubt; millrace doubts lists those that are`,
  );
}

import { MillraceError } from "@millrace/core";
import {
  askToCancel,
  cancelRun,
  dropFromGate,
  dropFromReady,
  dropTimer,
  isUnwinding,
  lockRun,
  readLeasedRun,
  unwantInLease,
} from "../store/cancel.ts";
import { lastOfChain } from "../store/chains.ts";
import { lockWaits } from "../store/doubts.ts";
import { recordEvent } from "../store/events.ts";
import type { Queryable } from "../store/statement.ts";
import { dropWaits } from "../store/waits.ts";

export interface Cancel {
  runId: string;
  reason: string | null;
  /** It ends without making good what it has done. Default: it does that first. */
  force?: boolean | undefined;
}

/** What a cancel came to: the run is cancelled, its handler was asked to stop, or it makes good first what it has done. */
export type Cancelled = "cancelled" | "asked" | "compensating";

/** What {@link Cancel} asks, as a part of a transaction, by whoever has it: nobody is asked whether he may. */
export async function cancelInside(tx: Queryable, by: string, asked: Cancel): Promise<Cancelled> {
  const { runId, reason, force = false } = asked;
  // The lease before the run, in the order in which settling and the reaper lock them.
  const [lease] = await unwantInLease(tx, runId, force);
  // A run whose handler has completed it in a transaction that is still open is locked: waiting for that would tell nobody
  // more than that it was asked to stop.
  const [run] = lease ? await readLeasedRun(tx, runId) : await lockRun(tx, runId);
  if (!run) throw new MillraceError("run_not_found", `there is no run ${runId}`);
  if (run.state) {
    const [last] = await lastOfChain(tx, runId);
    if (last!.id !== runId) return cancelInside(tx, by, { ...asked, runId: last!.id });
    throw new MillraceError("run_finished", `run ${runId} is ${run.state} already`);
  }
  const compensates = run.compensates && !force;
  if (compensates && (await isUnwinding(tx, runId))[0]!.unwinding) return "compensating";
  await askToCancel(tx, runId, by, reason, force);
  const detail = { ...(reason !== null && { reason }), ...(force && { force }) };
  const told = Object.keys(detail).length > 0 ? JSON.stringify(detail) : null;
  await recordEvent(tx, runId, "cancel asked", by, told);
  if (lease ?? (await unwantInLease(tx, runId, force))[0]) return "asked";
  // Waits before timers, as whoever gives it something has them.
  await lockWaits(tx, runId);
  await dropTimer(tx, runId);
  if (!compensates) await dropWaits(tx, [runId]);
  await dropFromReady(tx, runId, run.queue, run.priority);
  await dropFromGate(tx, runId, run.job);
  // It stays open, and so must not be put back beside a lease: a claim that was under way was waited for by now.
  if (compensates && (await unwantInLease(tx, runId, force)).length > 0) return "asked";
  await cancelRun(tx, runId);
  return compensates ? "compensating" : "cancelled";
}

import { formatDuration } from "@millrace/core";
import { holdsOf, queuePause } from "../../engine/holds.ts";
import type { HeldRow } from "../../store/held.ts";
import type { PausedQueueRow } from "../../store/queues.ts";
import type { RunRow } from "../../store/runs.ts";

/** What keeps runs that wait from starting. */
export interface Holds {
  /** The queues that are paused, by name. */
  readonly queues: ReadonlyMap<string, PausedQueueRow>;
  /** What the gate says of runs that pass it, by their ids. */
  readonly runs: ReadonlyMap<string, HeldRow>;
}

/** Why a run is not running, in words; of a failed run the class of its last error. */
export function reasonOf(run: RunRow, holds: Holds, now: Date): string | null {
  const reason = ownReason(run, holds, now);
  if (run.unwinding === null) return reason;
  const why = `makes good what it did, because it ${run.unwinding === "failed" ? "failed" : "was cancelled"}`;
  return reason === null ? why : `${why}; ${reason}`;
}

function ownReason(run: RunRow, holds: Holds, now: Date): string | null {
  switch (run.state) {
    case "scheduled":
      return scheduled(run, now);
    case "queued":
      return waiting(run, holds.queues.get(run.queue), holds.runs.get(run.id));
    case "failed":
      return run.error_class;
    case "waiting":
      return waitingFor(run);
    case "running":
    case "completed":
    case "cancelled":
      return null;
  }
}

function waitingFor({ awaited, doubted, due_at, due_reason, parked }: RunRow): string | null {
  if (due_reason === "version") return `needs other code: ${parked ?? "unknown"}`;
  const until = due_at && `until ${due_at.toISOString()}`;
  const waits = awaited ? ["waits for", awaited, until] : [until && "sleeps", until];
  const reasons = [doubted && `in doubt whether ${doubted}`, waits.filter(Boolean).join(" ")];
  return reasons.filter(Boolean).join("; ") || null;
}

function scheduled(run: RunRow, now: Date): string | null {
  if (run.due_reason?.startsWith("retry")) return retry(run, now);
  const until = run.due_at?.toISOString();
  if (run.due_reason === "debounce") return `debounced: starts at ${until} if no call comes`;
  return until === undefined ? null : `not due until ${until}`;
}

function retry({ failures, due_at, due_reason }: RunRow, now: Date): string {
  const inMs = due_at ? due_at.getTime() - now.getTime() : 0;
  const why = due_reason === "retry budget" ? ", put off by the job's retry budget" : "";
  return inMs > 0
    ? `retry ${failures} in ${formatDuration(inMs)}${why}`
    : `retry ${failures} is due`;
}

function waiting(
  { queue, job }: RunRow,
  paused: PausedQueueRow | undefined,
  held: HeldRow | undefined,
): string {
  const hold = paused ? queuePause(paused) : held && holdsOf(job, queue, held)[0];
  return hold ? `held back: ${hold.message}` : `waiting in queue ${queue}`;
}

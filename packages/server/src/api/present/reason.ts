import { formatDuration } from "@millrace/core";
import type { pausedQueues } from "../../store/queues.ts";
import type { RunRow } from "../../store/runs.ts";

type PausedQueue = Awaited<ReturnType<typeof pausedQueues>>[number];

/** The queues that are paused, by name. */
export type Pauses = ReadonlyMap<string, PausedQueue>;

/** Why a run is not running, in words; of a failed run the class of its last error. */
export function reasonOf(run: RunRow, pauses: Pauses, now: Date): string | null {
  switch (run.state) {
    case "scheduled":
      return run.due_reason?.startsWith("retry") ? retry(run, now) : delay(run);
    case "queued":
      return waiting(run.queue, pauses.get(run.queue));
    case "failed":
      return run.error_class;
    case "waiting":
    case "running":
    case "completed":
    case "cancelled":
      return null;
  }
}

function delay({ due_at }: RunRow): string | null {
  return due_at && `not due until ${due_at.toISOString()}`;
}

function retry({ failures, due_at, due_reason }: RunRow, now: Date): string {
  const inMs = due_at ? due_at.getTime() - now.getTime() : 0;
  const why = due_reason === "retry budget" ? ", put off by the job's retry budget" : "";
  return inMs > 0
    ? `retry ${failures} in ${formatDuration(inMs)}${why}`
    : `retry ${failures} is due`;
}

function waiting(queue: string, paused: PausedQueue | undefined): string {
  if (!paused) return `waiting in queue ${queue}`;
  const why = paused.pause_reason ? `: ${paused.pause_reason}` : "";
  return `waiting in queue ${queue}, paused by ${paused.paused_by} since ${paused.paused_at.toISOString()}${why}`;
}

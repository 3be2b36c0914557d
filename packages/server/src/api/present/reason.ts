import { formatDuration } from "@millrace/core";
import type { HeldRow } from "../../store/held.ts";
import type { pausedQueues } from "../../store/queues.ts";
import type { RunRow } from "../../store/runs.ts";

type PausedQueue = Awaited<ReturnType<typeof pausedQueues>>[number];

/** What keeps runs that wait from starting. */
export interface Holds {
  /** The queues that are paused, by name. */
  readonly queues: ReadonlyMap<string, PausedQueue>;
  /** What the gate says of runs that pass it, by their ids. */
  readonly runs: ReadonlyMap<string, HeldRow>;
}

/** Why a run is not running, in words; of a failed run the class of its last error. */
export function reasonOf(run: RunRow, holds: Holds, now: Date): string | null {
  switch (run.state) {
    case "scheduled":
      return scheduled(run, now);
    case "queued":
      return waiting(run, holds.queues.get(run.queue), holds.runs.get(run.id));
    case "failed":
      return run.error_class;
    case "waiting":
    case "running":
    case "completed":
    case "cancelled":
      return null;
  }
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
  paused: PausedQueue | undefined,
  held: HeldRow | undefined,
): string {
  if (paused) {
    const why = paused.pause_reason ? `: ${paused.pause_reason}` : "";
    return `waiting in queue ${queue}, paused by ${paused.paused_by} since ${paused.paused_at.toISOString()}${until(paused.paused_until)}${why}`;
  }
  const why = held && heldWhy(job, queue, held);
  return why ? `held back: ${why}` : `waiting in queue ${queue}`;
}

/** What holds a run back before the gate, in the order in which the claim asks; undefined when it only waits for its turn. */
export function heldWhy(job: string, queue: string, held: HeldRow): string | undefined {
  const { key } = held;
  if (held.paused) {
    const what = held.paused === "job" ? `job ${job}` : `key ${shown(key)} of job ${job}`;
    const why = held.pause_reason ? `: ${held.pause_reason}` : "";
    return `${what} is paused by ${held.paused_by}${until(held.paused_until)}${why}`;
  }
  if (isFull(held.key_limit, held.key_held)) {
    return `key ${shown(key)} is full, ${held.key_held} of ${held.key_limit} running`;
  }
  if (isFull(held.job_limit, held.job_held)) {
    return `job ${job} is full, ${held.job_held} of ${held.job_limit} running`;
  }
  if (isFull(held.queue_limit, held.queue_held)) {
    return `queue ${queue} is full, ${held.queue_held} of ${held.queue_limit} running`;
  }
  if (held.opens_at) return `its rate lets no run start until ${held.opens_at.toISOString()}`;
  const { batch_size, batch_waiting, batch_due } = held;
  if (batch_size !== null && batch_due && (batch_waiting ?? 0) < batch_size) {
    return `its batch has ${batch_waiting} of ${batch_size}, and starts at ${batch_due.toISOString()} at the latest`;
  }
  return undefined;
}

function isFull(limit: number | null, held: number): limit is number {
  return limit !== null && held >= limit;
}

function until(at: Date | null): string {
  return at ? `, until ${at.toISOString()}` : "";
}

/** A long one hides the rest of the sentence. */
function shown(key: string): string {
  return JSON.stringify(key.length > 60 ? `${key.slice(0, 60)}…` : key);
}

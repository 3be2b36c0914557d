import type { Trigger } from "@millrace/core";
import { statement } from "./statement.ts";

/** The answers for all items of a batch, in order, joined into four texts: a driver reads one row in no time. */
export interface EnqueuedRow {
  /** Run ids, separated by commas. */
  ids: string;
  /** A digit an item: 0 when an idempotency key named a run that was there already. */
  created: string;
  /** Queues, separated by commas, which no name holds. */
  queues: string;
  /** Milliseconds of Unix time, separated by commas; empty for a run that was due at once. */
  due: string;
}

/** SQLSTATEs of our own, raised by `millrace.enqueue_many`; the detail is the index of the item. */
export const UNKNOWN_JOB = "ML001";
export const UNKNOWN_QUEUE = "ML002";
export const KEY_REUSED = "ML003";
/** The job has a subject, and the input is in clear. */
export const NOT_ENCRYPTED = "ML050";
export const SUBJECT_ERASED = "ML051";
/** A queue takes no more; the detail is the indexes of all items that are for it, with commas. */
export const QUEUE_FULL = "ML011";
/** The job is disabled; the detail is the indexes of all items of it, with commas. */
export const JOB_DISABLED = "ML012";
/** The queue is drained; the detail is as of {@link QUEUE_FULL}. */
export const QUEUE_DRAINED = "ML013";
/** A debounced job decides itself when its runs start. */
export const NOT_FOR_DEBOUNCED = "ML010";

/**
 * Parameter: a JSON list of 1 to 4,096 items, as the comment on the SQL function has them. All or none. The order of a function's rows is that of its
 * items, and aggregates over a bare function scan keep it.
 */
export const enqueueMany = statement<[items: string], EnqueuedRow>(
  "enqueue_many",
  `select string_agg(run_id::text, ',') as ids, string_agg(created::int::text, '') as created,
     string_agg(queue, ',') as queues,
     string_agg(coalesce(floor(extract(epoch from due_at) * 1000)::bigint::text, ''), ',') as due
   from millrace.enqueue_many($1::jsonb)`,
);

export interface EnqueuedAlikeRow {
  /** Run ids, separated by commas; null when these runs have to go the general way. */
  ids: string | null;
  queue: string | null;
}

/**
 * Runs of one job of which nothing is said but their inputs: JSON texts, one a line, so that neither side has to take a
 * document apart.
 */
export const enqueueAlike = statement<
  [job: string, trigger: Trigger, inputs: string],
  EnqueuedAlikeRow
>("enqueue_alike", `select ids, queue from millrace.enqueue_alike($1, $2, $3)`);

import { MillraceError, type Trigger } from "@millrace/core";
import type pg from "pg";
import { jsonLines } from "../store/json-lines.ts";
import { isUnavailable, sqlState, unavailable } from "../store/database.ts";
import {
  type EnqueuedRow,
  JOB_DISABLED,
  KEY_REUSED,
  NOT_ENCRYPTED,
  NOT_FOR_DEBOUNCED,
  SUBJECT_ERASED,
  QUEUE_DRAINED,
  QUEUE_FULL,
  UNKNOWN_JOB,
  UNKNOWN_QUEUE,
  enqueueAlike,
  enqueueMany,
} from "../store/enqueue.ts";
import type { Queryable } from "../store/statement.ts";

/** A run that is asked for; its input has been checked. */
export interface EnqueueRequest {
  job: string;
  /** JSON text. */
  input: string;
  trigger: Trigger;
  /** Instead of the job's own. */
  queue?: string | undefined;
  /** Instead of the job's own. */
  priority?: number | undefined;
  /** Not before this instant. */
  runAt?: Date | undefined;
  /** Not before so many milliseconds have passed, by the database's clock. Instead of `runAt`. */
  delayMs?: number | undefined;
  /** Cancelled if it has not started so many milliseconds after it was accepted, or was due. Instead of the job's own. */
  ttlMs?: number | undefined;
  /** Same job, same key: same run. */
  idempotencyKey?: string | undefined;
  correlationId?: string | undefined;
  rerunOf?: string | undefined;
  /** Of which trace it is, as {@link readTraceContext} reads it. */
  traceContext?: string | undefined;
}

export interface EnqueuedRun {
  id: string;
  /** False when the call became a run that was there already: by its idempotency key, by debounce or by throttle. */
  created: boolean;
  queue: string;
  /** When it becomes due, if later. */
  dueAt: Date | null;
}

export type EnqueueResult = { run: EnqueuedRun } | { error: MillraceError };

/**
 * Accepts runs: when this returns, they are durable. One that cannot be accepted does not hold up the others of its
 * batch.
 *
 * @returns a result for each request, in order
 * @throws MillraceError `database_unavailable`
 */
export async function enqueue(
  db: Queryable,
  requests: readonly EnqueueRequest[],
): Promise<EnqueueResult[]> {
  if (requests.length === 0) return [];
  try {
    const alike = await enqueueWhatIsAlike(db, requests);
    if (alike) return alike;
    const [row] = await enqueueMany(db, `[${requests.map(itemText).join(",")}]`);
    return runsOf(row!);
  } catch (error) {
    if (isUnavailable(error)) throw unavailable(error);
    return enqueueWithout(db, requests, error);
  }
}

/**
 * The same, all or none: for whoever has a transaction, which an item that is refused would break.
 *
 * @throws MillraceError of the first item that is refused; `database_unavailable`
 */
export async function enqueueAll(
  tx: Queryable,
  requests: readonly EnqueueRequest[],
): Promise<EnqueuedRun[]> {
  if (requests.length === 0) return [];
  try {
    const [row] = await enqueueMany(tx, `[${requests.map(itemText).join(",")}]`);
    return runsOf(row!).map(({ run }) => run);
  } catch (error) {
    if (isUnavailable(error)) throw unavailable(error);
    throw refusal(error)?.error ?? error;
  }
}

/** The quick way, for runs of one job of which nothing is said but their inputs; undefined for all others. */
async function enqueueWhatIsAlike(
  db: Queryable,
  requests: readonly EnqueueRequest[],
): Promise<EnqueueResult[] | undefined> {
  const { job, trigger } = requests[0]!;
  for (const request of requests) {
    if (request.job !== job || request.trigger !== trigger) return undefined;
    if (hasOptions(request)) return undefined;
  }
  const inputs = jsonLines(requests.map((request) => request.input));
  const [row] = await enqueueAlike(db, job, trigger, inputs);
  if (!row || row.ids === null || row.queue === null) return undefined;
  const { queue } = row;
  return row.ids.split(",").map((id) => ({ run: { id, created: true, queue, dueAt: null } }));
}

/** Sets the items aside that a batch was refused for, and accepts the others. */
async function enqueueWithout(
  db: Queryable,
  requests: readonly EnqueueRequest[],
  error: unknown,
): Promise<EnqueueResult[]> {
  const refused = refusal(error);
  if (refused && refused.items.length > 0) {
    // Those before the first are in order.
    const from = refused.items[0]!;
    const items = new Set(refused.items);
    const before = await enqueue(db, requests.slice(0, from));
    const after = await enqueue(
      db,
      requests.filter((_, index) => index > from && !items.has(index)),
    );
    const accepted = [...before, ...after].values();
    return requests.map((_, index) =>
      items.has(index) ? { error: refused.error } : accepted.next().value!,
    );
  }
  // The database refused something without saying whose it was, such as text that it cannot hold.
  if (requests.length === 1 && refused) return [{ error: refused.error }];
  if (requests.length === 1) {
    const why = error instanceof Error ? error.message : String(error);
    return [{ error: new MillraceError("invalid_request", `the database refused it: ${why}`) }];
  }
  const middle = Math.ceil(requests.length / 2);
  return [
    ...(await enqueue(db, requests.slice(0, middle))),
    ...(await enqueue(db, requests.slice(middle))),
  ];
}

/** Assembled by hand, because the input is JSON text already and must not be parsed again. */
function itemText(request: EnqueueRequest): string {
  const { job, trigger, input } = request;
  const plain = `{"job":${JSON.stringify(job)},"trigger":"${trigger}","input":${input}`;
  if (!hasOptions(request)) return `${plain}}`;
  const options = JSON.stringify({
    queue: request.queue,
    priority: request.priority,
    due_at: request.runAt,
    delay_ms: request.delayMs,
    ttl_ms: request.ttlMs,
    key: request.idempotencyKey,
    correlation_id: request.correlationId,
    rerun_of: request.rerunOf,
    trace_context: request.traceContext,
  });
  return `${plain},${options.slice(1)}`;
}

function hasOptions(request: EnqueueRequest): boolean {
  return (
    request.queue !== undefined ||
    request.priority !== undefined ||
    request.runAt !== undefined ||
    request.delayMs !== undefined ||
    request.ttlMs !== undefined ||
    request.idempotencyKey !== undefined ||
    request.correlationId !== undefined ||
    request.rerunOf !== undefined ||
    request.traceContext !== undefined
  );
}

function runsOf(row: EnqueuedRow): { run: EnqueuedRun }[] {
  const queues = row.queues.split(",");
  const due = row.due.split(",");
  return row.ids.split(",").map((id, index) => ({
    run: {
      id,
      created: row.created[index] === "1",
      queue: queues[index]!,
      dueAt: due[index] ? new Date(Number(due[index])) : null,
    },
  }));
}

/** The error of one item, or of all that are for a queue, as the SQL function raised it. */
function refusal(error: unknown): { items: number[]; error: MillraceError } | undefined {
  const code = (
    {
      [UNKNOWN_JOB]: "unknown_job",
      [UNKNOWN_QUEUE]: "queue_not_found",
      [KEY_REUSED]: "idempotency_key_reused",
      [QUEUE_FULL]: "queue_full",
      [JOB_DISABLED]: "job_disabled",
      [QUEUE_DRAINED]: "queue_drained",
      [NOT_FOR_DEBOUNCED]: "invalid_request",
      [NOT_ENCRYPTED]: "subject_not_encrypted",
      [SUBJECT_ERASED]: "subject_erased",
    } as const
  )[sqlState(error) ?? ""];
  if (!code) return undefined;
  const { message, detail, hint } = error as pg.DatabaseError;
  // A trigger does not know which item it was.
  const items = detail === undefined ? [] : detail.split(",").map(Number);
  return { items, error: new MillraceError(code, `${message}. ${hint}`) };
}

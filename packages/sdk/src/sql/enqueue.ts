import { MillraceError, byteLength } from "@millrace/core";
import type { EnqueueManyOptions, EnqueueOptions } from "../client.ts";
import { checkInput } from "../input.ts";
import type { AnyJob, InputOf } from "../job.ts";
import type { Ask } from "./ask.ts";
import { explained, raisedIn } from "./database-error.ts";
import { itemText } from "./run-options.ts";
import { type Transaction, askerOf } from "./transaction.ts";

/** A run that was asked for in a transaction: it is there if, and only if, that commits. */
export interface EnqueuedInTransaction {
  id: string;
  /** False when the idempotency key, or the job's debounce or throttle, named a run that was there already. */
  created: boolean;
  queue: string;
  /** When it becomes due, if later. */
  runAt: Date | null;
}

/** The input may be left out for a job that takes none. */
type Arguments<Input> = void extends Input
  ? [input?: Exclude<Input, void>, options?: EnqueueOptions]
  : [input: Input, options?: EnqueueOptions];

const ENQUEUE = `
  select json_agg(json_build_array(run_id, created, queue, floor(extract(epoch from due_at) * 1000)))::text
  from millrace.enqueue_many($1::text::jsonb)`;

/** So many at once, and so many bytes: the statement is one text. */
const MAX_ITEMS = 1000;
const MAX_BYTES = 7 * 1024 * 1024;

/**
 * Asks for a run inside a transaction of the caller's. The input is checked here, by the job's schema.
 *
 * @param tx the handle of a transaction of pg, postgres.js, Drizzle, Kysely, Knex or Prisma
 * @param job a job; or the name of one, whose input is then checked in the worker only
 * @throws MillraceError before anything is sent: `invalid_transaction`, `invalid_input`, `invalid_json`,
 *   `payload_too_large`, `invalid_request`; from the database, and the transaction is aborted then: `unknown_job`,
 *   `queue_not_found`, `queue_full`, `queue_drained`, `job_disabled`, `idempotency_key_reused`, `migrations_pending`; whatever else the library throws
 */
export async function enqueueIn<J extends AnyJob>(
  tx: Transaction,
  job: J,
  ...rest: Arguments<InputOf<J>>
): Promise<EnqueuedInTransaction>;
export async function enqueueIn(
  tx: Transaction,
  job: string,
  input?: unknown,
  options?: EnqueueOptions,
): Promise<EnqueuedInTransaction>;
export async function enqueueIn(
  tx: Transaction,
  job: AnyJob | string,
  input?: unknown,
  options: EnqueueOptions = {},
): Promise<EnqueuedInTransaction> {
  const ask = askerOf(tx);
  const item = await checkedItem(job, input, options);
  const [run] = await send(ask, nameOf(job), [item], [options]);
  return run!;
}

/**
 * The same for many runs of one job, in their order: all or none. An input that does not fit is refused before anything is
 * sent, with its number in front of the pointer.
 *
 * @throws MillraceError as {@link enqueueIn}
 */
export async function enqueueManyIn<J extends AnyJob>(
  tx: Transaction,
  job: J,
  inputs: Iterable<InputOf<J>>,
  options?: EnqueueManyOptions<InputOf<J>>,
): Promise<EnqueuedInTransaction[]>;
export async function enqueueManyIn(
  tx: Transaction,
  job: string,
  inputs: Iterable<unknown>,
  options?: EnqueueManyOptions<unknown>,
): Promise<EnqueuedInTransaction[]>;
export async function enqueueManyIn(
  tx: Transaction,
  job: AnyJob | string,
  inputs: Iterable<unknown>,
  { idempotencyKey: keyOf, ...options }: EnqueueManyOptions<never> = {},
): Promise<EnqueuedInTransaction[]> {
  const ask = askerOf(tx);
  const items: string[] = [];
  const asked: EnqueueOptions[] = [];
  for (const [index, input] of Array.from(inputs).entries()) {
    const own = keyOf ? { ...options, idempotencyKey: keyOf(input as never, index) } : options;
    asked.push(own);
    items.push(await checkedItem(job, input, own).catch((error: unknown) => placed(error, index)));
  }
  const runs: EnqueuedInTransaction[] = [];
  for (const [from, to] of chunks(items)) {
    const sent = await send(ask, nameOf(job), items.slice(from, to), asked.slice(from, to));
    runs.push(...sent);
  }
  return runs;
}

function nameOf(job: AnyJob | string): string {
  return typeof job === "string" ? job : job.name;
}

async function checkedItem(
  job: AnyJob | string,
  input: unknown,
  options: EnqueueOptions,
): Promise<string> {
  if (typeof job !== "string" && job.subject) throw notEncrypted(job.name);
  const given = input ?? {};
  const item = itemText(nameOf(job), given, options);
  if (typeof job !== "string") await checkInput(job, given);
  return item;
}

function notEncrypted(job: string): MillraceError {
  return new MillraceError(
    "subject_not_encrypted",
    `runs of ${job} are encrypted under their subject, for which a transaction of yours has no key; ask for them by the client when it is committed, for instance by an outbox`,
  );
}

async function send(
  ask: Ask,
  job: string,
  items: readonly string[],
  options: readonly EnqueueOptions[],
): Promise<EnqueuedInTransaction[]> {
  const answer = await ask(ENQUEUE, `[${items.join(",")}]`).catch((error: unknown) => {
    throw refusal(error, job, options) ?? explained(error);
  });
  const rows = JSON.parse(answer) as [string, boolean, string, number | null][];
  return rows.map(([id, created, queue, due]) => ({
    id,
    created,
    queue,
    runAt: due === null ? null : new Date(due),
  }));
}

/** In our own words: a library may have put the statement, and with it the input, into the message of the database. */
function refusal(
  error: unknown,
  job: string,
  options: readonly EnqueueOptions[],
): MillraceError | undefined {
  const raised = raisedIn(error);
  if (!raised) return undefined;
  const item = options.length === 1 ? 0 : raised.item;
  const { queue, idempotencyKey } = (item !== undefined && options[item]) || {};
  return new MillraceError(raised.code, why(raised.code, job, queue, idempotencyKey), {
    cause: error,
  });
}

function why(code: string, job: string, queue?: string, key?: string): string {
  if (code === "unknown_job") {
    return `no job named ${JSON.stringify(job)} is registered; a server registers its jobs when it starts, see millrace.job`;
  }
  if (code === "queue_not_found") {
    return `no queue ${quoted(queue)}exists; queues come from jobs and from the --queues of workers, see millrace.queue`;
  }
  if (code === "queue_full") {
    return `the queue ${quoted(queue)}of job ${job} is full; ask again when some of its runs have started`;
  }
  if (code === "job_disabled") {
    return `job ${job} is disabled, and nothing starts it until it is enabled; millrace jobs says who has done so, and why`;
  }
  if (code === "queue_drained") {
    return `the queue ${quoted(queue)}of job ${job} is drained, and takes no more runs until it is reopened; millrace queues says who has done so, and why`;
  }
  if (code === "invalid_request") {
    return `job ${job} is debounced, so it decides itself when its runs start; leave out delay and runAt`;
  }
  return `the idempotency key ${quoted(key)}of job ${job} was used with another input; use a new key for a new input`;
}

/** Of many, a library may not tell which one it was. */
function quoted(name: string | undefined): string {
  return name === undefined ? "" : `${JSON.stringify(name)} `;
}

function placed(error: unknown, index: number): never {
  if (!(error instanceof MillraceError)) throw error;
  throw new MillraceError(error.code, `number ${index}: ${error.message}`, {
    pointer: `/${index}${error.pointer ?? ""}`,
    cause: error,
  });
}

function* chunks(items: readonly string[]): Generator<[from: number, to: number]> {
  let from = 0;
  let bytes = 0;
  for (const [index, item] of items.entries()) {
    const more = byteLength(item) + 1;
    if (index - from === MAX_ITEMS || (index > from && bytes + more > MAX_BYTES)) {
      yield [from, index];
      from = index;
      bytes = 0;
    }
    bytes += more;
  }
  if (from < items.length) yield [from, items.length];
}

import { MillraceError, type Projects, toInputText } from "@millrace/core";
import { MAX_BULK } from "@millrace/core/api";
import { checkInput } from "@millrace/sdk";
import { awake } from "../runtime/awake-clock.ts";
import { Batcher } from "../runtime/batcher.ts";
import { type Database, type Transaction, inSavepoint } from "../store/database.ts";
import { enqueueAlike } from "../store/enqueue.ts";
import type { Queryable } from "../store/statement.ts";
import { type EnqueueRequest, type EnqueueResult, type EnqueuedRun, enqueue } from "./enqueue.ts";
import type { JobRegistry } from "./job-registry.ts";
import { OwnJobs } from "./own-jobs.ts";
import { RegisteredSchemas } from "./registered-schemas.ts";
import { isSealedInput } from "../security/sealed-content.ts";
import { produce, producing } from "./producer-span.ts";
import { Subjects } from "./subjects/subjects.ts";

/** What a caller asks for: the request before its input was checked. */
export type RunRequest = Omit<EnqueueRequest, "input"> & {
  input?: unknown;
  /** Of which its job must be; null, or undefined, for any. */
  projects?: Projects;
};

/** How long a batch of requests took, in milliseconds, and how many new runs came of it. */
export type OnSent = (ms: number, runs: number) => void;

/** What of the way in looks at inputs, and starts nothing. */
export type InputCheck = Pick<Intake, "requireAcceptable" | "sealed" | "subjects">;

const MAX_BATCH = 500;

/** While one batch waits for the disk, another is on its way. */
const LANES = 2;

/** What {@link Intake.prove} sends: of a job that cannot be, it is known only by being this one. */
const NOTHING: EnqueueRequest = { job: "", trigger: "api", input: "{}" };

const NOT_SENT: EnqueueResult = {
  error: new MillraceError("unknown_job", "this was no request, but a test of the way in"),
};

/**
 * The way in, for whatever starts runs in this process: validates, enriches, enqueues, rings; never executes. Requests
 * that come at the same time share one statement and one commit.
 */
export class Intake {
  readonly #db: Database;
  readonly #jobs: JobRegistry;
  readonly #registered: RegisteredSchemas;
  readonly #own: OwnJobs;
  readonly #ring: (queue: string) => void;
  /** Of whom runs are about. */
  readonly subjects: Subjects;
  readonly #batcher: Batcher<EnqueueRequest, EnqueueResult>;
  readonly #onSent: OnSent | undefined;
  #provenAt = -Infinity;

  /**
   * @param ring called with a queue that has got a run which may start now
   * @param subjects their keys; without them runs of jobs that have a subject are refused
   * @param onSent told of every batch, for metrics
   */
  constructor(
    db: Database,
    jobs: JobRegistry,
    ring: (queue: string) => void,
    subjects = new Subjects(db),
    onSent?: OnSent,
  ) {
    this.#onSent = onSent;
    this.subjects = subjects;
    this.#db = db;
    this.#jobs = jobs;
    this.#registered = new RegisteredSchemas(db);
    this.#own = new OwnJobs(db);
    this.#ring = ring;
    this.#batcher = new Batcher((requests) => this.#send(requests), MAX_BATCH, LANES);
  }

  /**
   * Accepts one run. When this returns, it is durable.
   *
   * @param tx a transaction to accept it in: then it is durable, and {@link ring} is to be called, when that is committed
   * @throws MillraceError `unknown_job`, `invalid_input`, `invalid_json`, `payload_too_large`, `queue_not_found`,
   *   `idempotency_key_reused`, `subject_erased`, `secret_key_missing`, `database_unavailable`; `invalid_request` for a time of a debounced job
   */
  async accept(request: RunRequest, tx?: Transaction): Promise<EnqueuedRun> {
    const checked = await this.#checked(request, tx);
    const span = produce({ name: `enqueue ${request.job}`, job: request.job, runs: 1 });
    const { carried } = span;
    const asked = carried === undefined ? checked : { ...checked, traceContext: carried };
    try {
      // Of one alone that is refused, the whole transaction ends.
      const result = tx ? (await enqueue(tx, [asked]))[0]! : await this.#batcher.add(asked);
      if ("error" in result) throw result.error;
      span.end([result]);
      return result.run;
    } catch (error) {
      span.fail(error);
      throw error;
    }
  }

  /**
   * Accepts many, in their order. One that cannot be accepted does not hold up the others.
   *
   * @param tx as of {@link accept}
   */
  acceptMany(requests: readonly RunRequest[], tx?: Transaction): Promise<EnqueueResult[]> {
    return producing({ name: "enqueue", runs: requests.length }, (carried) =>
      this.#acceptMany(requests, carried, tx),
    );
  }

  async #acceptMany(
    requests: readonly RunRequest[],
    traceContext: string | undefined,
    tx?: Transaction,
  ): Promise<EnqueueResult[]> {
    const results = Array.from<EnqueueResult>({ length: requests.length });
    const accepted: { index: number; request: EnqueueRequest }[] = [];
    const foreign = await this.#own.troublesOf(requests, tx);
    for (const [index, request] of requests.entries()) {
      try {
        if (foreign[index]) throw foreign[index];
        const checked = this.#storable(request, tx);
        accepted.push({ index, request: checked instanceof Promise ? await checked : checked });
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
        results[index] = { error };
      }
    }
    const send = async (batch: typeof accepted) => {
      const requested = batch.map(({ request }) =>
        traceContext === undefined ? request : { ...request, traceContext },
      );
      const sent = tx ? await enqueue(inParts(tx), requested) : await this.#send(requested);
      sent.forEach((result, place) => {
        results[batch[place]!.index] = result;
      });
    };
    // One after the other: of two at once the later could get the lower ids, and start first.
    for (let from = 0; from < accepted.length; from += MAX_BULK) {
      await send(accepted.slice(from, from + MAX_BULK));
    }
    return results;
  }

  /**
   * Whether an input would be accepted; nothing is written.
   *
   * @param projects of which its job must be; null for any
   * @param db of who is in a transaction
   * @throws MillraceError `unknown_job`, `invalid_input`, `invalid_json`, `payload_too_large`
   */
  async requireAcceptable(
    job: string,
    input: unknown,
    projects: Projects,
    db?: Queryable,
  ): Promise<void> {
    const request: RunRequest = { job, input, trigger: "rerun", projects };
    if (projects) await this.#own.require(request, db);
    await this.#checkedPlain(request, db);
  }

  /** When runs came through last, or a test of it, by the awake clock. */
  get provenAt(): number {
    return this.#provenAt;
  }

  /** Sends nothing the whole way that runs go, to see whether it is open: the database is asked for a job that cannot be. Leaves nothing behind. */
  async prove(): Promise<void> {
    await this.#batcher.add(NOTHING);
  }

  async #send(requests: readonly EnqueueRequest[]): Promise<EnqueueResult[]> {
    const askedAt = performance.now();
    const tests = requests.includes(NOTHING);
    const results = tests
      ? await this.#sendBesideNothing(requests)
      : await enqueue(this.#db, requests);
    if (!tests) this.#onSent?.(performance.now() - askedAt, results.filter(isNew).length);
    this.#provenAt = awake.now();
    this.ring(results);
    return results;
  }

  async #sendBesideNothing(requests: readonly EnqueueRequest[]): Promise<EnqueueResult[]> {
    const { job, trigger, input } = NOTHING;
    await enqueueAlike(this.#db, job, trigger, input);
    const real = requests.filter((request) => request !== NOTHING);
    const sent = (await enqueue(this.#db, real)).values();
    return requests.map((request) => (request === NOTHING ? NOT_SENT : sent.next().value!));
  }

  /** Lets workers look at runs that have been accepted, and committed. */
  ring(results: readonly EnqueueResult[]): void {
    for (const queue of queuesIn(results)) this.#ring(queue);
  }

  /**
   * The request with its input checked, and as the text that will be stored: what the caller sent, not what the schema
   * made of it. A promise only where the check has to wait for something.
   */
  #checked(request: RunRequest, db?: Queryable): EnqueueRequest | Promise<EnqueueRequest> {
    if (!request.projects) return this.#storable(request, db);
    return this.#own.require(request, db).then(() => this.#storable(request, db));
  }

  #storable(request: RunRequest, db?: Queryable): EnqueueRequest | Promise<EnqueueRequest> {
    const checked = this.#checkedPlain(request, db);
    const job = this.#jobs.get(request.job);
    // Of a job whose code is here it is known at once that it has no subject.
    if (job && !job.subject) return checked;
    return this.#sealed(request, checked, db);
  }

  async #sealed(
    request: RunRequest,
    checking: EnqueueRequest | Promise<EnqueueRequest>,
    db?: Queryable,
  ): Promise<EnqueueRequest> {
    const checked = await checking;
    const { job, input = {}, idempotencyKey } = request;
    const path = this.#jobs.get(job)?.subject ?? (await this.subjects.pathOf(job, db));
    if (!path) return checked;
    const given = { input, text: checked.input, once: idempotencyKey };
    return { ...checked, input: await this.subjects.sealInput(job, path, given, db) };
  }

  /**
   * The text that is to be stored for another input of a run that is about somebody.
   *
   * @throws MillraceError `invalid_input`, `subject_erased`, `secret_key_missing`
   */
  async sealed(job: string, input: string, db?: Queryable): Promise<string> {
    const given = { job, input: JSON.parse(input) as unknown, trigger: "rerun" } as const;
    return (await this.#sealed(given, { ...given, input }, db)).input;
  }

  #checkedPlain(request: RunRequest, db?: Queryable): EnqueueRequest | Promise<EnqueueRequest> {
    const given = request.input ?? {};
    if (isSealedInput(given)) throw reserved();
    const input = toInputText(given);
    const job = this.#jobs.get(request.job);
    const check = job ? checkInput(job, given) : this.#registered.check(request.job, given, db);
    const checked = { ...request, input };
    return check instanceof Promise ? check.then(() => checked) : checked;
  }
}

/** What stands in place of encrypted inputs: who copies one from the database must not have it opened for him. */
function reserved(): MillraceError {
  return new MillraceError(
    "invalid_input",
    "the input has the keys $sealed and $subject, which encrypted inputs have; name them otherwise",
    { pointer: "/$sealed" },
  );
}

/** A transaction in which a statement may fail without the rest, as one does that a refused run is in. */
function inParts(tx: Transaction): Queryable {
  return { query: (config) => inSavepoint(tx, () => tx.query(config)) };
}

function isNew(result: EnqueueResult): boolean {
  return "run" in result && result.run.created;
}

function queuesIn(results: readonly EnqueueResult[]): Set<string> {
  const queues = new Set<string>();
  for (const result of results) {
    if ("run" in result && result.run.created && !isLater(result.run.dueAt)) {
      queues.add(result.run.queue);
    }
  }
  return queues;
}

function isLater(dueAt: Date | null): boolean {
  return dueAt !== null && dueAt.getTime() > Date.now();
}

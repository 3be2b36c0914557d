import { type Duration, type MillraceError, byteLength, toJsonText } from "@millrace/core";
import type { AcceptedRun, CreatedRuns, EmittedEvent } from "@millrace/core/api";
import type { AnyEvent, PayloadOf } from "./define-event.ts";
import { HttpApi, toError } from "./http-api.ts";
import type { AnyJob, InputOf, OutputOf } from "./job.ts";
import { EnqueuedRun, RunHandle } from "./run-handle.ts";
import { type EmitOptions, sendEvent } from "./send-event.ts";

/** Where a client finds its server. */
export interface ClientOptions {
  /** Where the server is. Default: the environment's MILLRACE_URL, else `http://127.0.0.1:4700`. */
  url?: string;
  /** The API key. Default: the environment's MILLRACE_API_KEY. */
  key?: string;
  /** Default: the built-in one. */
  fetch?: typeof fetch;
}

/** How a run is asked for, where that differs from what its job says. */
export interface EnqueueOptions {
  /** Instead of the job's own. */
  queue?: string;
  /** -100 to 100, higher first. Default: the job's own. */
  priority?: number;
  /** Not before this instant. */
  runAt?: Date;
  /** Not before this much time has passed. */
  delay?: Duration;
  /**
   * A run that has not started so long after it was accepted, or after it was due, is cancelled as expired. Instead of
   * the job's own. Once it has started it may take as long as its `timeout` lets it, also in later attempts.
   */
  ttl?: Duration;
  /** Same job, same key: same run. With it the request is repeated by itself when the server does not answer. */
  idempotencyKey?: string;
  correlationId?: string;
}

/** The same for many runs; what is given applies to each. */
export interface EnqueueManyOptions<Input> extends Omit<EnqueueOptions, "idempotencyKey"> {
  /** The key of each run. With it requests are repeated by themselves when the server does not answer. */
  idempotencyKey?: (input: Input, index: number) => string;
}

/** What became of one of many: it was accepted, or refused. */
export type EnqueuedResult<Output> = { run: EnqueuedRun<Output> } | { error: MillraceError };

/** The input may be left out for a job that takes none. */
type Arguments<Input> = void extends Input
  ? [input?: Exclude<Input, void>, options?: EnqueueOptions]
  : [input: Input, options?: EnqueueOptions];

/** The jobs among the values of a record, or of a module (`typeof import("./jobs.ts")`). */
type JobsIn<Jobs> = Extract<Jobs[keyof Jobs], AnyJob>;

type JobNamed<Jobs, Name, J = JobsIn<Jobs>> = J extends AnyJob
  ? Name extends J["name"]
    ? J
    : never
  : never;

/** The server takes so many runs at once, */
const MAX_RUNS = 1000;
/** and bodies of 8 MiB; the rest is for what is around the runs. */
const MAX_BYTES = 7 * 1024 * 1024;

/** Asks a server for runs over HTTP. */
export interface Client<Jobs extends object = Record<string, AnyJob>> {
  /**
   * Asks for a run. When this returns, it is durable. A call that debounce or throttle makes part of an earlier run
   * gives that run, with `created` false.
   *
   * @throws MillraceError `unknown_job`, `invalid_input`, `invalid_json`, `payload_too_large`, `queue_not_found`, `queue_full`,
   *   `idempotency_key_reused`, `invalid_request`, as for a `delay` of a debounced job; a pointer is into the request, so the input's parts begin with `/input`. And
   *   `server_unreachable`, `database_unavailable`
   */
  enqueue<J extends AnyJob>(
    job: J,
    ...rest: Arguments<InputOf<J>>
  ): Promise<EnqueuedRun<OutputOf<J>>>;
  enqueue<Name extends JobsIn<Jobs>["name"]>(
    job: Name,
    ...rest: Arguments<InputOf<JobNamed<Jobs, Name>>>
  ): Promise<EnqueuedRun<OutputOf<JobNamed<Jobs, Name>>>>;

  /**
   * Asks for many runs of one job, 1,000 at a time, in their order. One that is refused does not hold up the others.
   *
   * @returns a result for each input, in order
   * @throws MillraceError when a whole request failed; runs of earlier requests have been accepted then
   */
  enqueueMany<J extends AnyJob>(
    job: J,
    inputs: Iterable<InputOf<J>>,
    options?: EnqueueManyOptions<InputOf<J>>,
  ): Promise<EnqueuedResult<OutputOf<J>>[]>;
  enqueueMany<Name extends JobsIn<Jobs>["name"]>(
    job: Name,
    inputs: Iterable<InputOf<JobNamed<Jobs, Name>>>,
    options?: EnqueueManyOptions<InputOf<JobNamed<Jobs, Name>>>,
  ): Promise<EnqueuedResult<OutputOf<JobNamed<Jobs, Name>>>[]>;

  /**
   * Sends an event, to all runs that wait for it, or to one. When this returns, it is durable.
   *
   * @param event an event, whose schema checks the payload; or its name
   * @throws MillraceError `invalid_input`, `invalid_json`, `payload_too_large`, `run_not_found`, `run_finished`, `idempotency_key_reused`; and
   *   `server_unreachable`, `database_unavailable`
   */
  emit<E extends AnyEvent>(
    event: E,
    payload: PayloadOf<E>,
    options?: EmitOptions,
  ): Promise<EmittedEvent>;
  emit(event: string, payload?: unknown, options?: EmitOptions): Promise<EmittedEvent>;

  /** A run by its id; nothing is asked before one of its methods is called. */
  run<Output = unknown>(id: string): RunHandle<Output>;
}

/**
 * A client of a Millrace server.
 *
 * @example
 *   const client = createClient<typeof jobs>();
 *   const run = await client.enqueue("greet", { name: "Ada" });
 *   console.log(await run.result({ timeout: "30s" }));
 *
 * @throws MillraceError `invalid_setting` for a URL that is none
 */
export function createClient<Jobs extends object = Record<string, AnyJob>>(
  options: ClientOptions = {},
): Client<Jobs> {
  // oxlint-disable-next-line node/no-process-env, eslint/no-restricted-properties -- in its users' processes nobody else would
  const { MILLRACE_URL, MILLRACE_API_KEY } = process.env;
  const api = new HttpApi({
    url: options.url ?? MILLRACE_URL ?? "http://127.0.0.1:4700",
    key: options.key ?? MILLRACE_API_KEY,
    fetch: options.fetch ?? fetch,
  });
  const client: Untyped = {
    enqueue: (job, input, more) => enqueue(api, nameOf(job), input, more),
    enqueueMany: (job, inputs, more) => enqueueMany(api, nameOf(job), inputs, more),
    emit: (event, payload, more) => sendEvent(api, event, payload, more),
    run: (id) => new RunHandle(api, id),
  };
  // What the types above promise for each job is the same at run time.
  return client as Client<Jobs>;
}

/** {@link Client} as it is implemented: which job takes what is a matter of types only. */
interface Untyped {
  enqueue(job: AnyJob | string, input?: unknown, options?: EnqueueOptions): Promise<EnqueuedRun>;
  enqueueMany(
    job: AnyJob | string,
    inputs: Iterable<unknown>,
    options?: EnqueueManyOptions<unknown>,
  ): Promise<EnqueuedResult<unknown>[]>;
  emit(event: AnyEvent | string, payload?: unknown, options?: EmitOptions): Promise<EmittedEvent>;
  run(id: string): RunHandle<never>;
}

function nameOf(job: AnyJob | string): string {
  return typeof job === "string" ? job : job.name;
}

async function enqueue(
  api: HttpApi,
  job: string,
  input: unknown,
  options: EnqueueOptions = {},
): Promise<EnqueuedRun> {
  const { id, created } = (await api.call({
    method: "POST",
    path: "/api/v1/runs",
    body: runText(job, input, options),
    repeatable: options.idempotencyKey !== undefined,
  })) as AcceptedRun;
  return new EnqueuedRun(api, id, created);
}

async function enqueueMany(
  api: HttpApi,
  job: string,
  inputs: Iterable<unknown>,
  { idempotencyKey: keyOf, ...options }: EnqueueManyOptions<unknown> = {},
): Promise<EnqueuedResult<unknown>[]> {
  const texts = Array.from(inputs, (input, index) =>
    runText(job, input, keyOf ? { ...options, idempotencyKey: keyOf(input, index) } : options),
  );
  const results: EnqueuedResult<unknown>[] = [];
  for (const chunk of chunked(texts)) {
    const answer = (await api.call({
      method: "POST",
      path: "/api/v1/runs/bulk",
      body: `{"runs":[${chunk.join(",")}]}`,
      repeatable: keyOf !== undefined,
    })) as CreatedRuns;
    for (const result of answer.results) {
      results.push(
        "error" in result
          ? { error: toError(result.error) }
          : { run: new EnqueuedRun(api, result.id, result.created) },
      );
    }
  }
  return results;
}

/**
 * A run as the API takes it. An option that this client does not know goes along, and is refused there by its name.
 *
 * @throws MillraceError `invalid_json` for an input that JSON would not bring back
 */
function runText(job: string, input: unknown, options: EnqueueOptions): string {
  const rest = JSON.stringify({ job, ...options });
  return input === undefined ? rest : `${rest.slice(0, -1)},"input":${toJsonText(input, "input")}}`;
}

function* chunked(texts: readonly string[]): Generator<string[]> {
  let chunk: string[] = [];
  let bytes = 0;
  for (const text of texts) {
    const more = byteLength(text) + 1;
    if (chunk.length === MAX_RUNS || (chunk.length > 0 && bytes + more > MAX_BYTES)) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(text);
    bytes += more;
  }
  if (chunk.length > 0) yield chunk;
}

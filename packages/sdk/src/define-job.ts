import {
  DEFAULT_QUEUE,
  FLOW_OPTIONS,
  MAX_PRIORITY,
  MIN_PRIORITY,
  type FlowOptions,
  type FlowPolicy,
  MillraceError,
  durationMs,
  flowPolicy,
  requireName,
  requireSecretNames,
  retentionMs,
  retryPolicy,
  searchablePaths,
  sizeBytes,
  subjectPath,
} from "@millrace/core";
import { batchResults } from "./batch-results.ts";
import { callJob } from "./call-job.ts";
import { callerOf } from "./code-place.ts";
import type { BatchContext, Context } from "./context.ts";
import type {
  BatchJobOptions,
  CallOptions,
  Given,
  InputSchema,
  Isolation,
  Job,
  JobOptions,
  Limits,
  Received,
} from "./job.ts";
import { hostsOf } from "./http/define-host.ts";
import type { HostSecretName } from "./http/host-secret.ts";
import { type Schedule, type ScheduleOptions, scheduleOf } from "./define-schedule.ts";
import { IS_JOB } from "./is-job.ts";
import { versionOf } from "./job-version.ts";
import { retryRules } from "./retry-rules.ts";
import type { SecretDeclaration } from "./secrets.ts";

const KNOWN = [
  "name",
  "description",
  "input",
  "queue",
  "priority",
  "retry",
  "timeout",
  "isolation",
  "version",
  "finishes",
  "secrets",
  "subject",
  "searchable",
  "hosts",
  "limits",
  ...FLOW_OPTIONS,
  "retention",
  "schedules",
  "run",
];

const ISOLATIONS: readonly Isolation[] = ["inline", "thread", "process"];

/**
 * Defines a job. The options are checked here, so that a mistake shows when the module is loaded, not when the first
 * run fails.
 *
 * @example
 *   export const greet = defineJob({
 *     name: "greet",
 *     input: z.object({ name: z.string() }),
 *     run: ({ name }) => `Hello ${name}`,
 *   });
 *
 * @throws MillraceError `invalid_job` naming the option
 */
export function defineJob<
  const Name extends string,
  Output,
  S extends InputSchema | undefined = undefined,
  const Secret extends SecretDeclaration = never,
>(options: BatchJobOptions<Name, S, Output, Secret>): Job<Name, Given<S>, Output>;
export function defineJob<
  const Name extends string,
  Output,
  S extends InputSchema | undefined = undefined,
  const Secret extends SecretDeclaration = never,
>(options: JobOptions<Name, S, Output, Secret>): Job<Name, Given<S>, Output>;
export function defineJob<
  const Name extends string,
  Output,
  S extends InputSchema | undefined = undefined,
  const Secret extends SecretDeclaration = never,
>(
  options: JobOptions<Name, S, Output, Secret> | BatchJobOptions<Name, S, Output, Secret>,
): Job<Name, Given<S>, Output> {
  const name = requireName(options.name, "name") as Name;
  const unknown = Object.keys(options).find((key) => !KNOWN.includes(key));
  if (unknown) {
    throw new MillraceError(
      "invalid_job",
      `job ${name}: ${unknown} is not an option; the options are ${KNOWN.join(", ")}`,
    );
  }
  if (typeof options.run !== "function") {
    throw new MillraceError("invalid_job", `job ${name}: run must be a function`);
  }
  if (options.input !== undefined && options.input["~standard"]?.version !== 1) {
    throw new MillraceError(
      "invalid_job",
      `job ${name}: input must be a Standard Schema, such as z.object({ … })`,
    );
  }
  const rules = retryRules(options.retry?.rules);
  const isolation = requireIsolation(options.isolation ?? "inline", name);
  if (isolation !== "inline" && "batch" in options) {
    throw new MillraceError(
      "invalid_job",
      `job ${name}: isolation ${JSON.stringify(isolation)} and batch do not go together: a thread or process runs one run; leave one of them out`,
    );
  }
  const flow = requireFlow(options, name);
  const schedules = schedulesOf(name, options.schedules ?? []);
  const subject = subjectPath(
    { subject: options.subject, flow, schedules: schedules.length },
    name,
  );
  const job: Job<Name, Given<S>, Output> = {
    name,
    description: options.description ?? "",
    schema: options.input,
    queue: requireName(options.queue ?? DEFAULT_QUEUE, `job ${name}: queue`),
    priority: requirePriority(options.priority ?? 0, name),
    retry: retryPolicy(options.retry, rules.length),
    retryRules: rules,
    timeoutMs: requireTimeout(durationMs(options.timeout ?? "5m", `job ${name}: timeout`), name),
    flow,
    retentionMs:
      options.retention === undefined
        ? null
        : retentionMs(options.retention, `job ${name}: retention`),
    schedules,
    subject,
    searchable: searchablePaths({ searchable: options.searchable, subject }, name),
    isolation,
    ...versionOf(name, options),
    ...secretsOf(options.secrets ?? [], name),
    hosts: hostsOf(options.hosts ?? [], name),
    memoryLimit: requireMemoryLimit(options.limits, isolation, name),
    definedIn: callerOf(defineJob),
    call: (input: Given<S>, call: CallOptions = {}) => callJob(job, input, call),
    ...handlersOf(options),
  };
  Object.defineProperty(job, IS_JOB, { value: true });
  return Object.freeze(job);
}

function secretsOf(
  declared: readonly SecretDeclaration[],
  job: string,
): Pick<Job, "secrets" | "hostSecrets"> {
  const list: readonly SecretDeclaration[] = Array.isArray(declared) ? declared : [];
  const names = list.map((one) => (isHostSecretName(one) ? one.hostSecret : one));
  // What is no list is refused there.
  const secrets = requireSecretNames(Array.isArray(declared) ? names : (declared as string[]), job);
  const hostSecrets = list.flatMap((one) => (isHostSecretName(one) ? [one.hostSecret] : []));
  const both = list.find((one) => typeof one === "string" && hostSecrets.includes(one));
  if (both === undefined) return { secrets, hostSecrets: Object.freeze([...new Set(hostSecrets)]) };
  throw new MillraceError(
    "invalid_job",
    `job ${job}: secrets: ${JSON.stringify(both)} is declared as text and as hostSecret; choose one`,
  );
}

function isHostSecretName(declared: unknown): declared is HostSecretName {
  return typeof declared === "object" && declared !== null && "hostSecret" in declared;
}

function schedulesOf(job: string, given: readonly ScheduleOptions[]): Schedule[] {
  if (!Array.isArray(given)) {
    throw new MillraceError("invalid_job", `job ${job}: schedules must be a list`);
  }
  const schedules = given.map((options) => scheduleOf(job, options));
  const twice = schedules.find(({ name }, index) =>
    schedules.slice(0, index).some((other) => other.name === name),
  );
  if (!twice) return schedules;
  throw new MillraceError(
    "invalid_job",
    `job ${job}: two schedules are named ${twice.name}; give each a name of its own`,
  );
}

function handlersOf<Name extends string, S, Output, Secret extends SecretDeclaration>(
  options: JobOptions<Name, S, Output, Secret> | BatchJobOptions<Name, S, Output, Secret>,
): Pick<Job<Name, Given<S>, Output>, "handle" | "handleBatch"> {
  if (!("batch" in options) || options.batch === undefined) {
    const { run } = options as JobOptions<Name, S, Output, Secret>;
    return {
      handle: (input, ctx) => run.call(options, input as Received<S>, ctx),
      handleBatch: null,
    };
  }
  const handleBatch = (inputs: readonly unknown[], ctx: BatchContext) =>
    options.run(inputs as readonly Received<S>[], ctx);
  return { handleBatch, handle: (input, ctx) => handleOne<Output>(handleBatch, input, ctx) };
}

/** A batch of one, as {@link Job.call} makes it. */
async function handleOne<Output>(
  handleBatch: (inputs: readonly unknown[], ctx: BatchContext) => unknown,
  input: unknown,
  ctx: Context,
): Promise<Output> {
  const { job, signal, log, progress, secrets, fetch } = ctx;
  const { runId, attempt, idempotencyKey, correlationId, trigger, scheduledFor } = ctx;
  const item = { runId, attempt, idempotencyKey, correlationId, trigger, scheduledFor };
  const results = await handleBatch([input], {
    job,
    signal,
    log,
    progress,
    secrets,
    fetch,
    items: [item],
  });
  const [result] = batchResults(job, results, 1);
  if (result instanceof Error) throw result;
  return result as Output;
}

function requireFlow(options: FlowOptions<string>, job: string): FlowPolicy {
  try {
    return flowPolicy(options);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw new MillraceError(error.code, `job ${job}: ${error.message}`);
  }
}

function requirePriority(priority: number, job: string): number {
  if (Number.isInteger(priority) && priority >= MIN_PRIORITY && priority <= MAX_PRIORITY) {
    return priority;
  }
  throw new MillraceError(
    "invalid_job",
    `job ${job}: priority ${priority} is not a whole number from ${MIN_PRIORITY} to ${MAX_PRIORITY}`,
  );
}

function requireTimeout(ms: number, job: string): number {
  // setTimeout fires at once beyond 2^31-1 ms.
  if (ms >= 1 && ms < 2 ** 31) return ms;
  throw new MillraceError("invalid_job", `job ${job}: timeout must be from 1ms to 24d`);
}

function requireIsolation(isolation: Isolation, job: string): Isolation {
  if (ISOLATIONS.includes(isolation)) return isolation;
  throw new MillraceError(
    "invalid_job",
    `job ${job}: isolation ${JSON.stringify(isolation)} is not one of ${ISOLATIONS.join(", ")}`,
  );
}

const MIN_MEMORY = sizeBytes("16mb")!;
const MAX_MEMORY = sizeBytes("64gb")!;

function requireMemoryLimit(
  limits: Limits | undefined,
  isolation: Isolation,
  job: string,
): number | undefined {
  if (limits === undefined) return undefined;
  const unknown = Object.keys(limits).find((key) => key !== "memory");
  if (unknown) {
    throw new MillraceError(
      "invalid_job",
      `job ${job}: limits.${unknown} is not a limit; the only one is memory, and time is limited by timeout`,
    );
  }
  if (limits.memory === undefined) return undefined;
  if (isolation === "inline") {
    throw new MillraceError(
      "invalid_job",
      `job ${job}: limits.memory needs isolation: "process" or "thread"; inline, all runs of a worker share its memory`,
    );
  }
  const bytes = sizeBytes(String(limits.memory));
  if (bytes !== undefined && bytes >= MIN_MEMORY && bytes <= MAX_MEMORY) return bytes;
  throw new MillraceError(
    "invalid_job",
    `job ${job}: limits.memory ${JSON.stringify(limits.memory)} is not a size from 16mb to 64gb; write for example "256mb"`,
  );
}

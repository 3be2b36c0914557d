import type {
  BatchOptions,
  Duration,
  FlowGraph,
  FlowOptions,
  FlowPolicy,
  RetryOptions,
  RetryPolicy,
  Size,
} from "@millrace/core";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { CodePlace } from "./code-place.ts";
import type { BatchContext, Context } from "./context.ts";
import type { Schedule, ScheduleOptions } from "./define-schedule.ts";
import type { RetryRule } from "./retry-rules.ts";
import type { Host } from "./http/define-host.ts";
import type { Fetch } from "./http/fetch-order.ts";
import type { HeldSecrets, SecretDeclaration, SecretsOf } from "./secrets.ts";

/** Any schema of the Standard Schema family (https://standardschema.dev): zod, valibot, arktype, … */
export type InputSchema = StandardSchemaV1<any, any>;

/** What a caller may pass: the schema's input, or nothing for a job without one. */
export type Given<S> = S extends StandardSchemaV1<infer I, any> ? I : Record<string, never> | void;

/** What the handler receives: the schema's output, with defaults filled in. */
export type Received<S> = S extends StandardSchemaV1<any, infer O> ? O : Record<string, never>;

/** The same for a schedule: nothing is `{}`. */
export type ScheduledInput<S> =
  S extends StandardSchemaV1<infer I, any> ? I : Record<string, never>;

/** The places in an input where text or a number lies, such as `"tenant"` or `"customer.id"`. */
export type KeyPath<Input> = 0 extends 1 & Input
  ? string
  : Input extends readonly unknown[]
    ? never
    : Input extends object
      ?
          | KeyPathAt<Input, NamedIn<Input>>
          | (string extends keyof Input ? KeyPathAt<Input, keyof Input & string> : never)
      : never;

/** The keys that an object names, also where it takes any others besides, which hide them: `keyof` says no more than `string` there. */
type NamedIn<T> = keyof { [K in keyof T as string extends K ? never : K]: T[K] } & keyof T & string;

type KeyPathAt<Input, K extends keyof Input & string> = K extends unknown
  ? NonNullable<Input[K]> extends string | number | boolean
    ? K
    : NonNullable<Input[K]> extends object
      ? `${K}.${KeyPath<NonNullable<Input[K]>>}`
      : never
  : never;

/** Where the keys of flow control may lie in what callers of a job pass. */
export type KeyOf<S> = S extends StandardSchemaV1<infer I, any> ? KeyPath<I> : never;

/** A job's retries as its author writes them. */
export interface JobRetryOptions extends RetryOptions {
  /** Look at an error in their order before the backoff does; the first that applies decides. Default: none. */
  rules?: readonly RetryRule[];
}

/**
 * Where a worker runs a handler:
 * - inline: in the worker itself, beside the other runs. For handlers that wait more than they compute.
 * - thread: in a thread of its own. A busy handler holds up nobody, and can be stopped by force.
 * - process: in a process of its own. It cannot take the worker with it either, whatever it does.
 */
export type Isolation = "inline" | "thread" | "process";

/** What one attempt of a job may take; it has to be isolated. */
export interface Limits {
  /**
   * Memory: of a thread its JavaScript heap, of a process its heap and, on Linux, what it holds in all beyond an idle one.
   * From `'16mb'` to `'64gb'`. An attempt that takes more is ended, and counts as lost.
   */
  memory?: Size;
}

/** A job as its author writes it. */
export interface JobOptions<
  Name extends string,
  S,
  Output,
  Secret extends SecretDeclaration = never,
> extends Omit<FlowOptions<KeyOf<S>>, "batch"> {
  /** Unique among the jobs of a server: lower case, digits, and single `.`, `_`, `-`, `:` or `/` between them. */
  name: Name;
  /** One sentence for people. */
  description?: string;
  /** Checks the input when it is enqueued, and again in the worker. A job without a schema takes `{}`. */
  input?: S;
  /** Where its runs wait, unless the caller says otherwise. Default `'default'`. */
  queue?: string;
  /** -100 to 100, higher first. Default 0. */
  priority?: number;
  /** Default: 5 attempts, exponential backoff from 1 s to 15 m with full jitter. */
  retry?: JobRetryOptions;
  /** How long one attempt may take; then its signal is aborted and the attempt fails. Default `'5m'`. */
  timeout?: Duration;
  /**
   * How long a run is kept after it ended, with its input, output, attempts and log; at least `'1h'`, or `'forever'`.
   * Default: the server's `MILLRACE_RETENTION`.
   */
  retention?: Duration | "forever";
  /** When it starts by itself; each needs a name of its own, the first may do without. `ctx.scheduledFor` has the instant. */
  schedules?: readonly ScheduleOptions<ScheduledInput<S>>[];
  /** Where its handler runs. Default `'inline'`. {@link Job.call} always runs it in place. */
  isolation?: Isolation;
  /**
   * Of this code, as you count, such as `"2"`: a run that has begun its steps with one version is only claimed by workers whose code has that
   * version, or finishes it; until there is one it waits. Up to 40 letters, digits, dots, - and _. Default: none, so that every
   * worker tries, and what the code does not come to parks the run.
   */
  version?: string;
  /** Older versions whose runs this code can finish, too, by `step.patched`. Default: none. */
  finishes?: readonly string[];
  /**
   * The names of the secrets that its handler needs, such as `["CRM_TOKEN"]`: it gets them as `ctx.secrets`, if they are bound to this job
   * (`millrace secrets set CRM_TOKEN --job …`). One that is bound to hosts is declared as `hostSecret("CRM_TOKEN")`. Default: none.
   */
  secrets?: readonly Secret[];
  /**
   * Where in the input the person is named that a run is about, such as `'customerId'`: all that its runs keep of what they were given, did and
   * said is encrypted under a key of that person, and `millrace erase` destroys it. Default: nobody, and nothing is encrypted.
   */
  subject?: KeyOf<S>;
  /**
   * Where in the input text, numbers or booleans lie by which people look for runs, such as `['tenant', 'order.id']`: `input.tenant:acme` finds them at
   * once in any history, lists of runs can show them, and each costs the enqueue of a run one row of an index. Up to eight; not with `subject`.
   * Default: none.
   */
  searchable?: readonly KeyOf<S>[];
  /**
   * The hosts that its handler calls by `ctx.fetch`: each by its URL, or made by `defineHost`, which says how. Any other is called, too, by the
   * defaults, but only where it has a public address and TLS. Default: none.
   */
  hosts?: readonly (Host | string)[];
  /** Only with isolation. Default: none but Node's own. */
  limits?: Limits;
  /** The business logic: a plain function of its input. What it returns is the run's output and must be JSON. */
  run(input: Received<S>, ctx: Context<Given<S>, SecretsOf<Secret>>): Output | Promise<Output>;
}

/** A job whose handler takes many inputs at once. Each input is a run of its own, with its own outcome. */
export interface BatchJobOptions<
  Name extends string,
  S,
  Output,
  Secret extends SecretDeclaration = never,
> extends Omit<JobOptions<Name, S, Output, Secret>, "run"> {
  /** The handler is called as soon as so many runs wait, or when the oldest has waited so long. */
  batch: BatchOptions;
  /**
   * The business logic: takes the inputs, and answers a result for each, in their order. An `Error` in the place of a
   * result fails that run alone; an error that is thrown fails them all.
   */
  run(
    inputs: readonly Received<S>[],
    ctx: BatchContext<SecretsOf<Secret>>,
  ): readonly (Output | Error)[] | Promise<readonly (Output | Error)[]>;
}

/** A job as the platform uses it: every option checked and filled in. */
export interface Job<Name extends string = string, Input = any, Output = any> {
  readonly name: Name;
  readonly description: string;
  readonly schema: InputSchema | undefined;
  readonly queue: string;
  readonly priority: number;
  readonly retry: RetryPolicy;
  readonly retryRules: readonly RetryRule[];
  readonly timeoutMs: number;
  /** When, and beside how many others, its runs may start. */
  readonly flow: FlowPolicy;
  /** Infinity for ever; null for what the server says. */
  readonly retentionMs: number | null;
  readonly schedules: readonly Schedule[];
  readonly isolation: Isolation;
  /** Null where the author counts none. */
  readonly version: string | null;
  readonly finishes: readonly string[];
  /** The names of its steps, as far as the text of the handler shows them. */
  readonly steps: readonly string[];
  /** Of version and steps: 16 hexadecimal digits of their SHA-256; null for a job with neither. */
  readonly fingerprint: string | null;
  /** The path to the name of its subject in its input; null for a job without. */
  readonly subject: readonly string[] | null;
  /** The paths in its input that its runs are found by, such as `order.id`. */
  readonly searchable: readonly string[];
  /** The names of the secrets that its handler gets. */
  readonly secrets: readonly string[];
  /** Those among them that are bound to hosts. */
  readonly hostSecrets: readonly string[];
  /** Those that code names, and how they are called. */
  readonly hosts: readonly Host[];
  /** In bytes; undefined for no limit. */
  readonly memoryLimit: number | undefined;
  /** Where it is defined; null where that cannot be told. */
  readonly definedIn: CodePlace | null;
  /** The nodes of a flow; other jobs have none. */
  readonly graph?: FlowGraph;
  /** Runs the handler here and now, once: no queue, no retry. Input check, timeout and context are the same as anywhere. */
  call(input: Input, options?: CallOptions): Promise<Output>;
  /** The handler itself, for the worker; takes input that was checked. */
  handle(input: unknown, ctx: Context): Output | Promise<Output>;
  /** The handler of a job with `batch`; null for others. Inputs were checked. */
  readonly handleBatch:
    | ((inputs: readonly unknown[], ctx: BatchContext) => unknown | Promise<unknown>)
    | null;
}

/** How a job is called without a server. */
export interface CallOptions {
  /** Aborting it aborts the handler's signal. */
  signal?: AbortSignal;
  /** Where `ctx.log` writes; by default to stderr as JSON lines. */
  log?: Context["log"];
  correlationId?: string;
  /** As if a schedule had started it for this instant. */
  scheduledFor?: Date;
  /**
   * The secrets that the job declares: text, or for those that are bound to hosts `{ value, hosts: ["api.crm.example"] }`. Nothing else is
   * looked at.
   */
  secrets?: HeldSecrets;
  /** In place of `ctx.fetch`, as in a test. Default: that of a worker, with `MILLRACE_ALLOWED_HOSTS` of the environment. */
  fetch?: Fetch;
}

/** A job, whatever it takes and gives. */
export type AnyJob = Job<string, any, any>;

/** What callers of a job pass. */
export type InputOf<J> = J extends Job<string, infer Input, any> ? Input : never;

/** What a job gives back. */
export type OutputOf<J> = J extends Job<string, any, infer Output> ? Output : never;

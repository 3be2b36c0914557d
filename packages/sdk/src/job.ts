import type { Duration, RetryOptions, RetryPolicy } from "@millrace/core";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Context } from "./context.ts";

/** Any schema of the Standard Schema family (https://standardschema.dev): zod, valibot, arktype, … */
export type InputSchema = StandardSchemaV1<any, any>;

/** What a caller may pass: the schema's input, or nothing for a job without one. */
export type Given<S> = S extends StandardSchemaV1<infer I, any> ? I : Record<string, never> | void;

/** What the handler receives: the schema's output, with defaults filled in. */
export type Received<S> = S extends StandardSchemaV1<any, infer O> ? O : Record<string, never>;

/** A job as its author writes it. */
export interface JobOptions<Name extends string, S, Output> {
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
  retry?: RetryOptions;
  /** How long one attempt may take; then its signal is aborted and the attempt fails. Default `'5m'`. */
  timeout?: Duration;
  /** The business logic: a plain function of its input. What it returns is the run's output and must be JSON. */
  run(input: Received<S>, ctx: Context): Output | Promise<Output>;
}

/** A job as the platform uses it: every option checked and filled in. */
export interface Job<Name extends string = string, Input = any, Output = any> {
  readonly name: Name;
  readonly description: string;
  readonly schema: InputSchema | undefined;
  readonly queue: string;
  readonly priority: number;
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
  /** Runs the handler here and now, once: no queue, no retry. Input check, timeout and context are the same as anywhere. */
  call(input: Input, options?: CallOptions): Promise<Output>;
  /** The handler itself, for the worker; takes input that was checked. */
  handle(input: unknown, ctx: Context): Output | Promise<Output>;
}

/** How a job is called without a server. */
export interface CallOptions {
  /** Aborting it aborts the handler's signal. */
  signal?: AbortSignal;
  /** Where `ctx.log` writes; by default to stderr as JSON lines. */
  log?: Context["log"];
  correlationId?: string;
}

/** A job, whatever it takes and gives. */
export type AnyJob = Job<string, any, any>;

/** What callers of a job pass. */
export type InputOf<J> = J extends Job<string, infer Input, any> ? Input : never;

/** What a job gives back. */
export type OutputOf<J> = J extends Job<string, any, infer Output> ? Output : never;

import {
  type Duration,
  MAX_PRIORITY,
  MIN_PRIORITY,
  MillraceError,
  byteLength,
  durationMs,
  requireName,
  toInputText,
} from "@millrace/core";
import { nonRetryable } from "../errors.ts";
import { checkInput } from "../input.ts";
import { isJob } from "../is-job.ts";
import type { AnyJob } from "../job.ts";
import type { NewChildren } from "./checkpoints.ts";
import { asFinal, refusal } from "./refusal.ts";

/** How the run that a step calls is made, and for how long it is waited for. */
export interface ChildOptions {
  /** The name of the step. Default: that of the job. */
  name?: string;
  /** Instead of the job's own. */
  queue?: string;
  /** -100 to 100, higher first. Default: the job's own. */
  priority?: number;
  /** Cancelled if it has not started so long after it was made, or was due. Instead of the job's own. */
  ttl?: Duration;
  /** It starts so much later. Default: at once. */
  delay?: Duration;
  /** How long to wait, from when the step is first called; then the child is cancelled. Default: for as long as it takes. */
  timeout?: Duration;
}

/** How the runs of a fan-out are made, and what one means for the others. */
export interface FanOutOptions {
  /** The name of the step. Default: that of the job. */
  name?: string;
  /** How many are open at the same time, 1 or more. Default: all; in `job.call` 10. */
  concurrency?: number;
  /**
   * - stop (default): the first that does not complete ends the step with its error; those that are open are cancelled, no more are made.
   * - collect: all are waited for, and how each ended is in its place.
   */
  failures?: "stop" | "collect";
  /** Instead of the job's own. */
  queue?: string;
  /** -100 to 100, higher first. Default: the job's own. */
  priority?: number;
}

/** How a step's children are made, checked; their inputs are not known yet. */
export type ChildPlan = Omit<NewChildren, "inputs" | "trace"> & {
  readonly timeoutMs: number | null;
};

const CALL_OPTIONS = ["name", "queue", "priority", "ttl", "delay", "timeout"];
const FAN_OUT_OPTIONS = ["name", "concurrency", "failures", "queue", "priority"];

const MAX_CHILDREN = 10_000;

/** Of all inputs of a fan-out: they are written by one statement. */
const MAX_INPUT_BYTES = 32 * 1024 ** 2;

/** @throws MillraceError `invalid_step` naming the option */
export function callPlan(job: AnyJob, given: ChildOptions, what: string): ChildPlan {
  requireJob(job, given, CALL_OPTIONS, what);
  const { ttl, delay, timeout } = given;
  return {
    ...placement(job, given, what),
    ttlMs: lasting(ttl, 1, `${what}: ttl`),
    delayMs: lasting(delay, 0, `${what}: delay`),
    timeoutMs: lasting(timeout, 0, `${what}: timeout`),
    collect: false,
    concurrency: null,
  };
}

/** @throws MillraceError `invalid_step` naming the option */
export function fanOutPlan(job: AnyJob, given: FanOutOptions, what: string): ChildPlan {
  requireJob(job, given, FAN_OUT_OPTIONS, what);
  const { concurrency, failures = "stop" } = given;
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency >= 1)) {
    throw refusal("invalid_step", `${what}: concurrency must be a whole number from 1`);
  }
  if (failures !== "stop" && failures !== "collect") {
    throw refusal("invalid_step", `${what}: failures is "stop" or "collect"`);
  }
  return {
    ...placement(job, given, what),
    ttlMs: null,
    delayMs: null,
    timeoutMs: null,
    collect: failures === "collect",
    concurrency: concurrency ?? null,
  };
}

function requireJob(job: AnyJob, given: object, known: readonly string[], what: string): void {
  if (!isJob(job)) {
    throw refusal("invalid_step", `${what}: give it a job, as defineJob makes them`);
  }
  if (typeof given !== "object" || given === null) {
    throw refusal("invalid_step", `${what}: the options must be an object`);
  }
  const unknown = Object.keys(given).find((key) => !known.includes(key));
  if (!unknown) return;
  throw refusal(
    "invalid_step",
    `${what}: ${unknown} is not an option; the options are ${known.join(", ")}`,
  );
}

function placement(
  job: AnyJob,
  { queue, priority }: Pick<ChildOptions, "queue" | "priority">,
  what: string,
): Pick<NewChildren, "job" | "queue" | "priority"> {
  if (queue !== undefined) asFinal(() => requireName(queue, `${what}: queue`));
  const fits =
    priority === undefined ||
    (Number.isInteger(priority) && priority >= MIN_PRIORITY && priority <= MAX_PRIORITY);
  if (!fits) {
    throw refusal(
      "invalid_step",
      `${what}: priority must be a whole number from ${MIN_PRIORITY} to ${MAX_PRIORITY}`,
    );
  }
  return { job: job.name, queue: queue ?? null, priority: priority ?? null };
}

function lasting(duration: Duration | undefined, least: number, what: string): number | null {
  if (duration === undefined) return null;
  const ms = asFinal(() => durationMs(duration, what));
  if (ms >= least) return ms;
  throw refusal("invalid_step", `${what} must be a length of time, such as "30s"`);
}

/** @throws MillraceError `invalid_step` */
export function requireInputs(inputs: readonly unknown[], what: string): void {
  if (!Array.isArray(inputs)) {
    throw refusal("invalid_step", `${what}: give it a list of inputs, one for each run`);
  }
  if (inputs.length <= MAX_CHILDREN) return;
  throw refusal(
    "invalid_step",
    `${what}: ${inputs.length} inputs are too many, ${MAX_CHILDREN} are allowed; give each run a part of the list, and let it fan out over that`,
  );
}

/**
 * The inputs of children as they will be stored, each checked by the schema of their job.
 *
 * @throws MillraceError `invalid_input`, `invalid_json`, `payload_too_large`, for good
 */
export async function inputTexts(
  job: AnyJob,
  inputs: readonly unknown[],
  what: string,
): Promise<string[]> {
  const texts: string[] = [];
  let bytes = 0;
  for (const [n, input] of inputs.entries()) {
    const place = inputs.length > 1 ? `${what}, input ${n}` : what;
    texts.push(await inputText(job, input ?? {}, place));
    bytes += byteLength(texts[n]!);
  }
  if (bytes <= MAX_INPUT_BYTES) return texts;
  throw refusal(
    "payload_too_large",
    `${what}: the inputs have ${bytes} bytes, and ${MAX_INPUT_BYTES} are allowed; store the data and pass references to it`,
  );
}

async function inputText(job: AnyJob, input: unknown, what: string): Promise<string> {
  try {
    const text = toInputText(input);
    await checkInput(job, input);
    return text;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    const { code, message, pointer } = error;
    throw nonRetryable(new MillraceError(code, `${what}: ${message}`, { pointer }));
  }
}

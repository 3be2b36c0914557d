import { type Failure, MillraceError, retryDelayMs, toFailure } from "@millrace/core";
import {
  Aborted,
  type Job,
  type Suspension,
  type Unwinding,
  checkInput,
  divergenceOf,
  isContinuation,
} from "@millrace/sdk";
import type { Outcome, RetryLimits } from "../engine/settle.ts";
import { failpoint } from "../runtime/failpoints.ts";
import type { ClaimedRun } from "../store/claim.ts";
import type { AttemptContext } from "./attempt-context.ts";
import type { End, Handling } from "./handling.ts";
import { failureFrom, judgeFailure } from "./judge-failure.ts";
import { outputText } from "./output-text.ts";
import { NotCommitted } from "./own-transaction.ts";

/** How long a handler may go on after it was told to stop, before its outcome is recorded without it. */
export const GRACE_MS = 5000;

/** A handler that asks to wait for longer than this has misread a header. */
const MAX_RETRY_AFTER_MS = 30 * 86_400_000;

/** Attempts of a run are counted in 15 bits; what is left is for retries, losses and drains. */
const MAX_ATTEMPTS = 30_000;

/** Told how an execution goes. */
export interface ExecutionWatcher {
  /** Its outcome is known: within the call that starts it, when the handler returns at once. Whatever happens is an outcome. */
  concluded(outcome: Outcome): void;
  /** The handler has really ended; until then it occupies its slot. Comes before the outcome, or after it when the handler was given up. */
  handlerEnded(): void;
  /** The handler has ignored its signal for the whole grace: it was ended by force, or its slot stays occupied. */
  ignored(forced: boolean): void;
}

/** What is executed. */
export interface Execution {
  readonly run: ClaimedRun;
  readonly job: Job;
  readonly context: AttemptContext;
}

/** A handler that did not return at once. */
export interface UnderWay {
  /** Starts the clock of the timeout, unless the handler has ended meanwhile: most are quicker than a timer is made. */
  armTimeout(): void;
}

/**
 * Makes one attempt.
 *
 * @param handling the handler, when it runs in a place of its own; otherwise it is started here and now
 * @returns undefined when it is over already
 */
export function execute(
  execution: Execution,
  watcher: ExecutionWatcher,
  handling: Handling = startHere(execution),
): UnderWay | undefined {
  const { ended } = handling;
  if (ended instanceof Promise) return new Watched(execution, watcher, handling, ended);
  watcher.handlerEnded();
  watcher.concluded(judgeAnything(ended, execution));
  return undefined;
}

/** A handler under way, between its clocks: the timeout, and the grace once it was told to stop. */
class Watched implements UnderWay {
  readonly #execution: Execution;
  readonly #watcher: ExecutionWatcher;
  readonly #handling: Handling;
  #timeout: NodeJS.Timeout | undefined;
  #grace: NodeJS.Timeout | undefined;
  #concluded = false;
  #left = false;

  constructor(
    execution: Execution,
    watcher: ExecutionWatcher,
    handling: Handling,
    ended: Promise<End>,
  ) {
    this.#execution = execution;
    this.#watcher = watcher;
    this.#handling = handling;
    execution.context.onAbort((why) => this.#stop(why));
    execution.context.onSuspend((suspension) => this.#leave(suspension));
    void ended.then((end) => {
      if (this.#left) return;
      watcher.handlerEnded();
      this.#conclude(end);
    });
  }

  armTimeout(): void {
    const { begun } = this.#handling;
    if (begun) void begun.then(() => this.#startTimeout());
    else this.#startTimeout();
  }

  #startTimeout(): void {
    const { job, context } = this.#execution;
    if (this.#concluded || context.aborted) return;
    this.#timeout = setTimeout(() => {
      const message = `it took longer than its timeout of ${job.timeoutMs} ms`;
      context.abort(new Aborted("timeout", message));
    }, job.timeoutMs);
    // No reason to keep a process: in a test, one may have been left by a worker that has died there.
    this.#timeout.unref();
  }

  #stop(why: Aborted): void {
    if (this.#concluded) return;
    this.#handling.stop?.(why);
    this.#grace = setTimeout(() => {
      this.#watcher.ignored(this.#handling.kill !== undefined);
      this.#handling.kill?.();
      this.#conclude({ abandoned: true });
    }, GRACE_MS);
  }

  /** The handler waits, and gives its slot back. Nobody waits for its end any more: why that is safe, StepRunner says. */
  #leave(suspension: Suspension): void {
    if (this.#concluded) return;
    this.#left = true;
    this.#watcher.handlerEnded();
    this.#conclude({ suspended: suspension });
  }

  #conclude(end: End): void {
    if (this.#concluded) return;
    this.#concluded = true;
    clearTimeout(this.#timeout);
    clearTimeout(this.#grace);
    this.#watcher.concluded(judgeAnything(end, this.#execution));
  }
}

/** Starts a handler in this process, here and now. */
export function startHere({ run, job, context }: Execution): Handling {
  try {
    const input = checkedInput(run, job);
    const value: unknown =
      input instanceof Promise
        ? input.then((checked) => handle(checked, job, context))
        : handle(input, job, context);
    return { ended: isThenable(value) ? awaited(value, context) : returned(value) };
  } catch (thrown) {
    return { ended: context.attempt === 1 ? { thrown } : context.unwind(thrown) };
  }
}

function handle(input: unknown, job: Job, context: AttemptContext): unknown {
  failpoint("handler.before");
  return job.handle(input, context);
}

async function awaited(value: PromiseLike<unknown>, context: AttemptContext): Promise<End> {
  try {
    // Nothing is on record in a first attempt, so its run is not to end.
    const given = await (context.attempt === 1
      ? value
      : Promise.race([value, context.ending.left]));
    // Whatever it has made of that: some of it is not done, and will not be.
    if (context.refused) return await context.unwind(context.refused);
    // A run that is to end does not go on as another.
    if (isContinuation(given)) {
      const end = await context.unwind(given);
      if (!("thrown" in end) || end.thrown !== given) return end;
    }
    return returned(given);
  } catch (thrown) {
    return context.unwind(thrown);
  }
}

function returned(value: unknown): End {
  failpoint("handler.after");
  return { value };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value instanceof Promise || typeof (value as { then?: unknown } | null)?.then === "function"
  );
}

/**
 * What the handler receives; a promise of it only if the job's schema is asynchronous.
 *
 * @throws MillraceError `invalid_input`
 */
export function checkedInput(run: ClaimedRun, job: Job): unknown {
  if (run.lost === undefined) return checkInput(job, run.input);
  throw new MillraceError("invalid_input", `input of ${job.name}: ${run.lost}`);
}

/** What a handler throws may itself throw when it is looked at: a proxy, a getter. That must not end the process. */
export function judgeAnything(end: End, execution: Execution): Outcome {
  try {
    return judge(end, execution);
  } catch {
    const thrown = new Error("the handler threw something that cannot be looked at");
    return judge({ thrown }, execution);
  }
}

function judge(end: End, execution: Execution): Outcome {
  const { run, job, context } = execution;
  const why = context.aborted?.why;
  // Whatever the handler has made of it.
  const diverged = divergedIn(end) ?? context.diverged?.message;
  if (diverged !== undefined && (!why || why === "timeout")) return park(diverged, execution);
  // Unless the database says otherwise: then this is not recorded.
  if (hasReturned(end) && context.ownTransaction?.begun) {
    return judge({ thrown: new NotCommitted() }, execution);
  }
  // Told to stop, but it finished its work all the same: the work counts. A timeout does not let it count.
  if (hasReturned(end) && why !== "timeout") return complete(end, execution);
  const ids = { leaseId: run.leaseId, runId: run.id };
  if ("unwound" in end) return unwound(end.unwound, run);
  // Whatever it was told meanwhile: a cancel that was asked for is met when this is recorded, a lease that is gone, too.
  if ("suspended" in end) return suspend(end.suspended, execution);
  if ("withheld" in end) return { ...ids, verdict: "release", failure: end.withheld };
  // What dies of being told to stop has stopped.
  if ("crashed" in end && !why) return { ...ids, verdict: "crash", ...end.crashed };
  if (why === "cancelled") return { ...ids, verdict: "stop", failure: failureOf(end, context) };
  if (why === "shutdown" || why === "lease-lost") return { ...ids, verdict: "release" };
  return failed(end, run, job, context);
}

/** All is made good, which is on record: the run ends as it was to. */
function unwound({ failure }: Unwinding, { leaseId, id: runId }: ClaimedRun): Outcome {
  return failure
    ? { leaseId, runId, verdict: "fail", failure }
    : { leaseId, runId, verdict: "stop", failure: null };
}

function suspend({ dueMs, waits }: Suspension, { run }: Execution): Outcome {
  const { leaseId, id: runId } = run;
  if (run.attempts + 1 < MAX_ATTEMPTS) {
    return { leaseId, runId, verdict: "suspend", due: new Date(dueMs), waits };
  }
  const message = `it has waited ${MAX_ATTEMPTS} times, and more than that no run may; let it start another run for the rest`;
  const failure = toFailure(new MillraceError("too_many_steps", message));
  return { leaseId, runId, verdict: "fail", failure };
}

/** What the handler says that its code does not come to, as a flow does whose graph has changed. */
function divergedIn(end: End): string | undefined {
  if ("diverged" in end) return end.diverged;
  return "thrown" in end ? divergenceOf(end.thrown) : undefined;
}

function park(message: string, { run }: Execution): Outcome {
  const { leaseId, id: runId } = run;
  if (run.attempts + 1 < MAX_ATTEMPTS) return { leaseId, runId, verdict: "park", message };
  const failure = toFailure(new MillraceError("step_mismatch", message));
  return { leaseId, runId, verdict: "fail", failure };
}

type Returned = Extract<
  End,
  { value: unknown } | { output: unknown } | { continued: unknown } | { invalidOutput: unknown }
>;

function hasReturned(end: End): end is Returned {
  return "value" in end || "output" in end || "continued" in end || "invalidOutput" in end;
}

function complete(end: Returned, { run, job, context }: Execution): Outcome {
  const { leaseId, id: runId, place, opening } = run;
  if ("continued" in end) return { leaseId, runId, verdict: "continue", input: end.continued };
  if ("output" in end)
    return { leaseId, runId, verdict: "complete", output: end.output, place, opening };
  // Another attempt would return the same.
  const refused = (failure: Failure): Outcome => {
    const kept = { ...failure, class: "InvalidOutput", stack: null };
    return { leaseId, runId, verdict: "fail", failure: kept };
  };
  if ("invalidOutput" in end) return refused(end.invalidOutput);
  try {
    context.continuing?.requireReturned(end.value);
    if (isContinuation(end.value)) {
      return { leaseId, runId, verdict: "continue", input: end.value.input };
    }
    const output = outputText(end.value, job.name);
    return { leaseId, runId, verdict: "complete", output, place, opening };
  } catch (error) {
    return refused(toFailure(error));
  }
}

function failed(end: End, run: ClaimedRun, job: Job, context: AttemptContext): Outcome {
  const ids = { leaseId: run.leaseId, runId: run.id };
  // What took too long and threw nothing, threw that.
  const thrown = "thrown" in end ? end.thrown : context.aborted;
  const { answer, hold, ruleTrouble } = "judged" in end ? end.judged : judgeFailure(thrown, job);
  if (ruleTrouble) {
    context.log.error("a retry rule failed, so the job's backoff decides", {
      error: `${ruleTrouble.class}: ${ruleTrouble.message}`,
    });
  }
  const failure = failureOf(end, context);
  // A compensation has its own, as a run has.
  const failures = run.failures - (context.unwinding?.failures ?? 0) + 1;
  const { maxAttempts } = answer.retry === "backoff" ? answer.backoff : job.retry;
  if (answer.retry === "never" || failures >= maxAttempts) {
    return { ...ids, verdict: "fail", failure };
  }
  const delayMs =
    answer.retry === "backoff"
      ? retryDelayMs(answer.backoff, failures, Math.random())
      : Math.min(answer.ms, MAX_RETRY_AFTER_MS);
  const limits = context.unwinding ? undefined : limitsOf(job);
  return {
    ...ids,
    verdict: "retry",
    delayMs,
    failure,
    ...(hold && { hold }),
    ...(limits && { limits }),
  };
}

function limitsOf({ name, retry: { maxElapsedMs, budget } }: Job): RetryLimits | undefined {
  return maxElapsedMs === null && budget === null ? undefined : { job: name, maxElapsedMs, budget };
}

function failureOf(end: End, context: AttemptContext): Failure {
  if (context.aborted?.why === "timeout") {
    const ignored = "abandoned" in end ? ", and ignored its signal" : "";
    return {
      class: "TimeoutError",
      message: context.aborted.message + ignored,
      stack: stackOf(end),
    };
  }
  if ("judged" in end) return end.judged.failure;
  if ("thrown" in end) return failureFrom(end.thrown);
  return { class: "Aborted", message: context.aborted?.message ?? "aborted", stack: null };
}

function stackOf(end: End): string | null {
  if ("judged" in end) return end.judged.failure.stack;
  return "thrown" in end ? toFailure(end.thrown).stack : null;
}

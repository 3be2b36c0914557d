import { type Failure, MillraceError, retryDelayMs, toFailure } from "@millrace/core";
import { Aborted, type Job, checkInput } from "@millrace/sdk";
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

export interface Executed {
  /** Never rejects: whatever happens is an outcome. */
  outcome: Promise<Outcome>;
  /** Settles when the handler has really ended; until then it occupies its slot. */
  handlerEnded: Promise<unknown>;
  /** Starts the clock of the timeout, unless the handler has ended already: most are quicker than a timer is made. */
  armTimeout: () => void;
}

export interface Execution {
  /** The handler, when it runs in a place of its own. Default: it is started here and now. */
  handling?: Handling | undefined;
  /** Told when a handler has ignored its signal for the whole grace: it was ended by force, or its slot stays occupied. */
  onIgnored?: (forced: boolean) => void;
}

/** Makes one attempt. */
export function execute(
  run: ClaimedRun,
  job: Job,
  context: AttemptContext,
  { handling = startHere(run, job, context), onIgnored }: Execution = {},
): Executed {
  let timeout: NodeJS.Timeout | undefined;
  let grace: NodeJS.Timeout | undefined;
  let ended = false;
  const outcome = new Promise<Outcome>((resolve) => {
    const finish = (end: End) => {
      ended = true;
      clearTimeout(timeout);
      clearTimeout(grace);
      resolve(judgeAnything(end, run, job, context));
    };
    context.onAbort((why) => {
      handling.stop?.(why);
      grace = setTimeout(() => {
        onIgnored?.(handling.kill !== undefined);
        handling.kill?.();
        finish({ abandoned: true });
      }, GRACE_MS);
    });
    void handling.ended.then(finish);
  });
  const startTimeout = () => {
    if (ended || context.aborted) return;
    timeout = setTimeout(() => {
      const message = `it took longer than its timeout of ${job.timeoutMs} ms`;
      context.abort(new Aborted("timeout", message));
    }, job.timeoutMs);
  };
  const armTimeout = () => {
    if (handling.begun) void handling.begun.then(startTimeout);
    else startTimeout();
  };
  return { outcome, handlerEnded: handling.ended, armTimeout };
}

/** Starts a handler in this process, here and now. */
export function startHere(run: ClaimedRun, job: Job, context: AttemptContext): Handling {
  return { ended: start(run, job, context) };
}

async function start(run: ClaimedRun, job: Job, context: AttemptContext): Promise<End> {
  try {
    const input = checkedInput(run, job);
    const checked = input instanceof Promise ? await input : input;
    failpoint("handler.before");
    const value = await job.handle(checked, context);
    failpoint("handler.after");
    return { value };
  } catch (thrown) {
    return { thrown };
  }
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
export function judgeAnything(
  end: End,
  run: ClaimedRun,
  job: Job,
  context: AttemptContext,
): Outcome {
  try {
    return judge(end, run, job, context);
  } catch {
    const thrown = new Error("the handler threw something that cannot be looked at");
    return judge({ thrown }, run, job, context);
  }
}

function judge(end: End, run: ClaimedRun, job: Job, context: AttemptContext): Outcome {
  const why = context.aborted?.why;
  // Unless the database says otherwise: then this is not recorded.
  if (hasReturned(end) && context.ownTransaction?.begun) {
    return judge({ thrown: new NotCommitted() }, run, job, context);
  }
  // Told to stop, but it finished its work all the same: the work counts. A timeout does not let it count.
  if (hasReturned(end) && why !== "timeout") return complete(end, run, job);
  const ids = { leaseId: run.leaseId, runId: run.id };
  // What dies of being told to stop has stopped.
  if ("crashed" in end && !why) return { ...ids, verdict: "crash", ...end.crashed };
  if (why === "cancelled") return { ...ids, verdict: "stop", failure: failureOf(end, context) };
  if (why === "shutdown" || why === "lease-lost") return { ...ids, verdict: "release" };
  return failed(end, run, job, context);
}

type Returned = Extract<End, { value: unknown } | { output: unknown } | { invalidOutput: unknown }>;

function hasReturned(end: End): end is Returned {
  return "value" in end || "output" in end || "invalidOutput" in end;
}

function complete(end: Returned, { leaseId, id }: ClaimedRun, job: Job): Outcome {
  const ids = { leaseId, runId: id };
  // Another attempt would return the same.
  const refused = (failure: Failure): Outcome => {
    return {
      ...ids,
      verdict: "fail",
      failure: { ...failure, class: "InvalidOutput", stack: null },
    };
  };
  if ("invalidOutput" in end) return refused(end.invalidOutput);
  if ("output" in end) return { ...ids, verdict: "complete", output: end.output };
  try {
    return { ...ids, verdict: "complete", output: outputText(end.value, job.name) };
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
  const failures = run.failures + 1;
  const { maxAttempts } = answer.retry === "backoff" ? answer.backoff : job.retry;
  if (answer.retry === "never" || failures >= maxAttempts) {
    return { ...ids, verdict: "fail", failure };
  }
  const delayMs =
    answer.retry === "backoff"
      ? retryDelayMs(answer.backoff, failures, Math.random())
      : Math.min(answer.ms, MAX_RETRY_AFTER_MS);
  const limits = limitsOf(job);
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

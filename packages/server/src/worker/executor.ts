import { type Failure, MillraceError, retryDelayMs, toFailure } from "@millrace/core";
import { Aborted, type Job, checkInput } from "@millrace/sdk";
import type { Outcome, RetryLimits } from "../engine/settle.ts";
import { failpoint } from "../runtime/failpoints.ts";
import type { ClaimedRun } from "../store/claim.ts";
import type { AttemptContext } from "./attempt-context.ts";
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

/** Makes one attempt. */
export function execute(run: ClaimedRun, job: Job, context: AttemptContext): Executed {
  let timeout: NodeJS.Timeout | undefined;
  let grace: NodeJS.Timeout | undefined;
  let ended = false;
  const handler = start(run, job, context);
  const outcome = new Promise<Outcome>((resolve) => {
    const finish = (end: End) => {
      ended = true;
      clearTimeout(timeout);
      clearTimeout(grace);
      resolve(judgeAnything(end, run, job, context));
    };
    context.onAbort(() => {
      grace = setTimeout(() => finish({ abandoned: true }), GRACE_MS);
    });
    void handler.then(finish);
  });
  const armTimeout = () => {
    if (ended) return;
    timeout = setTimeout(() => {
      const message = `it took longer than its timeout of ${job.timeoutMs} ms`;
      context.abort(new Aborted("timeout", message));
    }, job.timeoutMs);
  };
  return { outcome, handlerEnded: handler, armTimeout };
}

/** How the handler ended; `abandoned` when it ignored its signal for the whole grace. */
export type End = { value: unknown } | { thrown: unknown } | { abandoned: true };

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
  if ("value" in end && context.ownTransaction?.begun) end = { thrown: new NotCommitted() };
  // Told to stop, but it finished its work all the same: the work counts. A timeout does not let it count.
  if ("value" in end && why !== "timeout") return complete(end.value, run, job);
  const ids = { leaseId: run.leaseId, runId: run.id };
  if (why === "cancelled") return { ...ids, verdict: "stop", failure: failureOf(end, context) };
  if (why === "shutdown" || why === "lease-lost") return { ...ids, verdict: "release" };
  return failed(end, run, job, context);
}

function complete(value: unknown, { leaseId, id }: ClaimedRun, job: Job): Outcome {
  try {
    return { leaseId, runId: id, verdict: "complete", output: outputText(value, job.name) };
  } catch (error) {
    // Another attempt would return the same.
    const failure = named("InvalidOutput", error);
    return { leaseId, runId: id, verdict: "fail", failure };
  }
}

function failed(end: End, run: ClaimedRun, job: Job, context: AttemptContext): Outcome {
  const ids = { leaseId: run.leaseId, runId: run.id };
  // What took too long and threw nothing, threw that.
  const thrown = "thrown" in end ? end.thrown : context.aborted;
  const { answer, hold, ruleTrouble } = judgeFailure(thrown, job);
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
      stack: "thrown" in end ? toFailure(end.thrown).stack : null,
    };
  }
  if ("thrown" in end) return failureFrom(end.thrown);
  return { class: "Aborted", message: context.aborted?.message ?? "aborted", stack: null };
}

function named(name: string, error: unknown): Failure {
  return { ...toFailure(error), class: name, stack: null };
}

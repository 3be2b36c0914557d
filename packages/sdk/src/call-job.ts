import { randomUUID } from "node:crypto";
import { type Continuation, Continuing, isContinuation } from "./continuation.ts";
import { Aborted } from "./errors.ts";
import { AttemptCalls } from "./http/attempt-calls.ts";
import { ownClient } from "./http/own-client.ts";
import { checkInput } from "./input.ts";
import type { CallOptions, Job } from "./job.ts";
import { type HeldSecrets, givenSecrets, secretsFor } from "./secrets.ts";
import { askerOf } from "./sql/transaction.ts";
import { stderrLog } from "./stderr-log.ts";
import { StepRunner } from "./step/step-runner.ts";
import { unrecorded } from "./step/unrecorded.ts";

/** {@link Job.call}: the handler in this process, with a context that no server stands behind. */
export async function callJob<Output>(
  job: Job<string, any, Output>,
  input: unknown,
  options: CallOptions,
): Promise<Output> {
  let next = input;
  for (;;) {
    const value = await callOnce(job, next, options);
    if (!isContinuation(value)) return value;
    next = JSON.parse(value.input);
  }
}

async function callOnce<Output>(
  job: Job<string, any, Output>,
  input: unknown,
  options: CallOptions,
): Promise<Output | Continuation> {
  const checked = await checkInput(job, input);
  const secrets = givenSecrets(job, options.secrets ?? {}, "call(input, { secrets: { … } })");
  const runId = randomUUID();
  const timeout = new AbortController();
  const signal = options.signal
    ? AbortSignal.any([timeout.signal, options.signal])
    : timeout.signal;
  const timer = setTimeout(() => {
    timeout.abort(new Aborted("timeout", `${job.name} took longer than ${job.timeoutMs} ms`));
  }, job.timeoutMs);
  const log = options.log ?? stderrLog({ run: runId, job: job.name });
  const steps = new StepRunner({
    checkpoints: unrecorded(),
    runId,
    attempt: 1,
    signal: () => signal,
    stopped: () => (signal.aborted ? (signal.reason as Error) : undefined),
    warn: (message) => log.warn(message),
  });
  const continuing = new Continuing(() => job);
  let calls: AttemptCalls | undefined;
  const beginCalls = (): AttemptCalls => {
    const begun = callsOf(job, { runId, correlationId: options.correlationId, secrets });
    if (signal.aborted) begun.stop(signal.reason as Error);
    return begun;
  };
  const stopCalls = () => calls?.stop(signal.reason as Error);
  signal.addEventListener("abort", stopCalls, { once: true });
  try {
    const value = await abortable(
      () =>
        job.handle(checked, {
          runId,
          job: job.name,
          attempt: 1,
          trigger: "call",
          scheduledFor: options.scheduledFor,
          idempotencyKey: runId,
          correlationId: options.correlationId,
          secrets: secretsFor(job.name, secrets),
          signal,
          log,
          fetch: options.fetch ?? (async (url, init) => (calls ??= beginCalls()).fetch(url, init)),
          step: steps.step,
          publish: steps.publish,
          continueAsNew: continuing.continueAsNew,
          progress: () => {},
          cost: () => {},
          completeIn: async (tx, output) => {
            // No run is on record; a handle that a worker would refuse is refused here, too.
            askerOf(tx);
            return output;
          },
        }),
      signal,
    );
    continuing.requireReturned(value);
    return value;
  } catch (error) {
    await steps.unwindHere();
    throw error;
  } finally {
    clearTimeout(timer);
    steps.close();
    signal.removeEventListener("abort", stopCalls);
    calls?.leave();
  }
}

/** As a worker makes them; nobody records that there were any. */
function callsOf(
  { hosts }: Job,
  { secrets, ...of }: { runId: string; correlationId: string | undefined; secrets: HeldSecrets },
): AttemptCalls {
  const client = ownClient();
  client.learn(hosts);
  return new AttemptCalls(client, { ...of, hosts, secrets: () => secrets, onCalled: () => {} });
}

/** Settles with `work`, or rejects with the signal's reason as soon as it is aborted. */
function abortable<T>(work: () => T | Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    Promise.resolve(work())
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", abort));
  });
}

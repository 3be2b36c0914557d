import { toFailure } from "@millrace/core";
import {
  Aborted,
  type BatchContext,
  type HeldSecrets,
  type Job,
  type RunLog,
  batchResults,
  secretsFor,
} from "@millrace/sdk";
import { AttemptCalls } from "@millrace/sdk/http";
import type { Outcome } from "../engine/settle.ts";
import type { AttemptContext } from "./attempt-context.ts";
import {
  type Execution,
  type ExecutionWatcher,
  GRACE_MS,
  type UnderWay,
  checkedInput,
  judgeAnything,
} from "./executor.ts";
import type { End } from "./handling.ts";
import { type SecretLeases, secretsAway } from "./secret-leases.ts";

/** Told how a batch goes: the outcomes are those of its runs, in order. */
export interface BatchWatcher extends Pick<ExecutionWatcher, "handlerEnded"> {
  concluded(outcomes: Outcome[]): void;
  /** The handler has ignored its signal for the whole grace, and keeps its slot. */
  ignored(): void;
}

/**
 * Makes one attempt of all runs of a batch: one call of the handler. A run whose input its job no longer takes fails by
 * itself, and the handler does not see it.
 */
export function executeBatch(
  members: readonly Execution[],
  job: Job,
  leases: SecretLeases,
  watcher: BatchWatcher,
): UnderWay {
  let timeout: NodeJS.Timeout | undefined;
  let grace: NodeJS.Timeout | undefined;
  let concluded = false;
  const controller = new AbortController();
  const conclude = (ends: readonly End[]) => {
    if (concluded) return;
    concluded = true;
    clearTimeout(timeout);
    clearTimeout(grace);
    watcher.concluded(
      members.map((member, n) => judgeAnything(ends[n] ?? { abandoned: true }, member)),
    );
  };
  void start(members, job, leases, controller.signal).then((ends) => {
    watcher.handlerEnded();
    conclude(ends);
  });
  let cancelled = 0;
  for (const { context } of members) {
    context.onAbort((reason) => {
      // The others of the batch want their results: only when nobody does is there nothing left to do.
      if (reason.why === "cancelled" && ++cancelled < members.length) return;
      if (controller.signal.aborted || concluded) return;
      controller.abort(reason);
      grace = setTimeout(() => {
        watcher.ignored();
        conclude(members.map(() => ({ abandoned: true })));
      }, GRACE_MS);
    });
  }
  return {
    armTimeout() {
      if (concluded) return;
      timeout = setTimeout(() => {
        const message = `the batch took longer than the timeout of ${job.timeoutMs} ms`;
        for (const { context } of members) context.abort(new Aborted("timeout", message));
      }, job.timeoutMs);
    },
  };
}

async function start(
  members: readonly Execution[],
  job: Job,
  leases: SecretLeases,
  signal: AbortSignal,
): Promise<End[]> {
  const ends = Array.from<End>({ length: members.length });
  const taken: { place: number; input: unknown }[] = [];
  for (const [place, { run }] of members.entries()) {
    try {
      taken.push({ place, input: await checkedInput(run, job) });
    } catch (thrown) {
      ends[place] = { thrown };
    }
  }
  if (taken.length === 0) return ends;
  let calls: AttemptCalls | undefined;
  try {
    const contexts = taken.map(({ place }) => members[place]!.context);
    const inputs = taken.map(({ input }) => input);
    const secrets = job.secrets.length === 0 ? {} : await leased(job, leases);
    calls = callsOf(job, contexts, secrets, signal);
    const context = batchContext(job, contexts, secrets, signal, calls);
    const answer: unknown = await job.handleBatch!(inputs, context);
    const results = batchResults(job.name, answer, taken.length);
    taken.forEach(({ place }, n) => {
      const result = results[n];
      ends[place] = result instanceof Error ? { thrown: result } : { value: result };
    });
  } catch (thrown) {
    for (const { place } of taken) ends[place] = endOf(thrown);
  }
  calls?.leave();
  return ends;
}

/** Told apart from what a handler throws. */
class Withheld extends Error {
  override readonly name = "Withheld";
}

async function leased(job: Job, leases: SecretLeases): Promise<HeldSecrets> {
  try {
    return await leases.lease(job);
  } catch (error) {
    throw secretsAway(error) ? new Withheld(error.message, { cause: error }) : error;
  }
}

function endOf(thrown: unknown): End {
  return thrown instanceof Withheld ? { withheld: toFailure(thrown.cause) } : { thrown };
}

/** All runs of a batch are told of each call; others are told that it belongs to the first of them. */
function callsOf(
  { hosts }: Job,
  contexts: readonly AttemptContext[],
  secrets: HeldSecrets,
  signal: AbortSignal,
): AttemptCalls {
  const [{ runId, correlationId, http }] = contexts as [AttemptContext];
  const calls = new AttemptCalls(http, {
    ...{ runId, correlationId, hosts },
    secrets: () => secrets,
    onCalled: (call) => {
      for (const context of contexts) context.called(call);
    },
  });
  const end = () => calls.stop(signal.reason as Error);
  if (signal.aborted) end();
  else signal.addEventListener("abort", end, { once: true });
  return calls;
}

function batchContext(
  job: Job,
  contexts: readonly AttemptContext[],
  secrets: HeldSecrets,
  signal: AbortSignal,
  calls: AttemptCalls,
): BatchContext {
  const toAll =
    (level: keyof RunLog): RunLog["info"] =>
    (message, fields) => {
      for (const context of contexts) context.log[level](message, fields);
    };
  return {
    job: job.name,
    secrets: secretsFor(job.name, secrets),
    signal,
    fetch: calls.fetch,
    log: {
      debug: toAll("debug"),
      info: toAll("info"),
      warn: toAll("warn"),
      error: toAll("error"),
    },
    progress: (done, total, message) => {
      for (const context of contexts) context.progress(done, total, message);
    },
    items: contexts.map((context) => {
      const { runId, attempt, idempotencyKey, correlationId, trigger, scheduledFor } = context;
      return { runId, attempt, idempotencyKey, correlationId, trigger, scheduledFor };
    }),
  };
}

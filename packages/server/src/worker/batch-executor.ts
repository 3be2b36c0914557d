import { Aborted, type BatchContext, type Job, type RunLog, batchResults } from "@millrace/sdk";
import type { Outcome } from "../engine/settle.ts";
import type { ClaimedRun } from "../store/claim.ts";
import type { AttemptContext } from "./attempt-context.ts";
import { type Executed, GRACE_MS, checkedInput, judgeAnything } from "./executor.ts";
import type { End } from "./handling.ts";

/** One run of a batch. */
export interface BatchMember {
  run: ClaimedRun;
  context: AttemptContext;
}

/** What became of a batch: an outcome for each of its runs, in order. */
export type ExecutedBatch = Omit<Executed, "outcome"> & { outcomes: Promise<Outcome[]> };

/**
 * Makes one attempt of all runs of a batch: one call of the handler. A run whose input its job no longer takes fails by
 * itself, and the handler does not see it.
 *
 * @param onIgnored told when the handler has ignored its signal for the whole grace, and keeps its slot
 */
export function executeBatch(
  members: readonly BatchMember[],
  job: Job,
  onIgnored: () => void,
): ExecutedBatch {
  let timeout: NodeJS.Timeout | undefined;
  let grace: NodeJS.Timeout | undefined;
  let ended = false;
  const controller = new AbortController();
  const handler = start(members, job, controller.signal);
  const outcomes = new Promise<Outcome[]>((resolve) => {
    const finish = (ends: readonly End[]) => {
      ended = true;
      clearTimeout(timeout);
      clearTimeout(grace);
      resolve(
        members.map(({ run, context }, n) =>
          judgeAnything(ends[n] ?? { abandoned: true }, run, job, context),
        ),
      );
    };
    let cancelled = 0;
    for (const { context } of members) {
      context.onAbort((reason) => {
        // The others of the batch want their results: only when nobody does is there nothing left to do.
        if (reason.why === "cancelled" && ++cancelled < members.length) return;
        if (controller.signal.aborted) return;
        controller.abort(reason);
        grace = setTimeout(() => {
          onIgnored();
          finish(members.map(() => ({ abandoned: true })));
        }, GRACE_MS);
      });
    }
    void handler.then(finish);
  });
  const armTimeout = () => {
    if (ended) return;
    timeout = setTimeout(() => {
      const message = `the batch took longer than the timeout of ${job.timeoutMs} ms`;
      for (const { context } of members) context.abort(new Aborted("timeout", message));
    }, job.timeoutMs);
  };
  return { outcomes, handlerEnded: handler, armTimeout };
}

async function start(
  members: readonly BatchMember[],
  job: Job,
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
  try {
    const contexts = taken.map(({ place }) => members[place]!.context);
    const inputs = taken.map(({ input }) => input);
    const answer: unknown = await job.handleBatch!(inputs, batchContext(job, contexts, signal));
    const results = batchResults(job.name, answer, taken.length);
    taken.forEach(({ place }, n) => {
      const result = results[n];
      ends[place] = result instanceof Error ? { thrown: result } : { value: result };
    });
  } catch (thrown) {
    for (const { place } of taken) ends[place] = { thrown };
  }
  return ends;
}

function batchContext(
  job: Job,
  contexts: readonly AttemptContext[],
  signal: AbortSignal,
): BatchContext {
  const toAll =
    (level: keyof RunLog): RunLog["info"] =>
    (message, fields) => {
      for (const context of contexts) context.log[level](message, fields);
    };
  return {
    job: job.name,
    signal,
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

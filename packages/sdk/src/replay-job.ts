import { type Trigger, formatDuration } from "@millrace/core";
import type { RunLog } from "./context.ts";
import { AttemptCalls } from "./http/attempt-calls.ts";
import type { Fetch } from "./http/fetch-order.ts";
import { ownClient } from "./http/own-client.ts";
import { checkInput } from "./input.ts";
import type { AnyJob } from "./job.ts";
import type { Checkpoint, Checkpoints, Recorded, StepPlace } from "./step/checkpoints.ts";
import { divergenceOf } from "./step/divergence.ts";
import { type HeldSecrets, secretsFor } from "./secrets.ts";
import { refusal } from "./step/refusal.ts";
import { textOf } from "./step/step-place.ts";
import { StepRunner } from "./step/step-runner.ts";

/** A run as it is on record. */
export interface ReplayedRun {
  readonly id: string;
  readonly input: unknown;
  /** The attempt that comes next, from 1. */
  readonly attempt: number;
  readonly trigger: Trigger;
  readonly correlationId: string | undefined;
  readonly scheduledFor: Date | undefined;
  readonly checkpoints: readonly Checkpoint[];
  /** What it waits for, and whether that has come. */
  readonly waits: readonly (StepPlace & { readonly met: boolean })[];
  /** Effects that were begun and have no receipt. */
  readonly intents: readonly StepPlace[];
}

/**
 * How a replay ended:
 * - returned, threw: the handler has come to its end over what is on record.
 * - record ends: the next step is not on record, and would begin; its text says which.
 * - waits: it has come to waits that stand.
 * - busy: it has come to all that is on record, and has done something else for as long as it may.
 * - diverged: the code does not come to what is on record; the message says to what.
 */
export type ReplayEnd =
  | { readonly end: "returned"; readonly value: unknown }
  | { readonly end: "threw"; readonly error: unknown }
  | { readonly end: "record ends"; readonly next: string }
  | { readonly end: "waits"; readonly next: string }
  | { readonly end: "busy" }
  | { readonly end: "diverged"; readonly message: string };

/** How a replay ended, and what of the record the handler has come to. */
export type Replayed = ReplayEnd & {
  readonly replayed: number;
  readonly recorded: number;
  /** What it has not come to, in words. */
  readonly missed: readonly string[];
};

export interface ReplayOptions {
  readonly log: RunLog;
  /** For how long the handler may do something else before it comes to what is next on record, or to its end. */
  readonly patienceMs: number;
}

/**
 * Runs a handler over what a run has on record, and no further: no step, effect or transaction begins, nothing is written, and the
 * handler is left where the record ends. What it does outside of its steps, it does.
 *
 * @returns how that ended, and to how many of what is on record the handler has come, and to which not
 * @throws MillraceError `invalid_input` when the job does not take the input any more
 */
export async function replayJob(
  job: AnyJob,
  run: ReplayedRun,
  { log, ...options }: ReplayOptions,
): Promise<Replayed> {
  const input = await checkInput(job, run.input);
  let end!: (end: ReplayEnd) => void;
  const ended = new Promise<ReplayEnd>((resolve) => (end = resolve));
  const leave = (found: ReplayEnd): Promise<never> => {
    end(found);
    return new Promise(() => {});
  };
  const patienceMs = Math.min(options.patienceMs, MAX_TIMER_MS);
  const recorded = [...ofHandler(run), ...run.waits, ...run.intents].filter(
    ({ kind }) => kind !== "patch",
  );
  const { signal } = new AbortController();
  const steps = new StepRunner({
    checkpoints: onlyRead(run, leave),
    runId: run.id,
    attempt: run.attempt,
    signal: () => signal,
    stopped: () => undefined,
    warn: (message) => log.warn(message),
    onNew: (place) => leave({ end: "record ends", next: textOf(place) }),
    patienceMs,
  });
  const handle = async (): Promise<ReplayEnd> => {
    try {
      const value: unknown = await job.handle(input, {
        runId: run.id,
        job: job.name,
        attempt: run.attempt,
        trigger: run.trigger,
        scheduledFor: run.scheduledFor,
        idempotencyKey: run.id,
        correlationId: run.correlationId,
        secrets: secretsFor(job.name, placeholders(job.secrets)),
        signal,
        log,
        fetch: readingOnly(job, run, leave),
        step: steps.step,
        publish: () => Promise.resolve(),
        continueAsNew: () => leave({ end: "record ends", next: "continueAsNew" }),
        progress: () => {},
        cost: () => {},
        completeIn: () => leave({ end: "record ends", next: "completeIn" }),
      });
      return { end: "returned", value };
    } catch (error) {
      const message = divergenceOf(error);
      return message === undefined ? { end: "threw", error } : { end: "diverged", message };
    }
  };
  const missed = () => recorded.filter((place) => !steps.hasMet(place)).map(textOf);
  const watch = endWhenIdle(missed, patienceMs, end);
  const found = await Promise.race([handle(), ended]).finally(() => clearInterval(watch));
  // The other branches may be about to come to something, in this turn of the event loop.
  await new Promise((resolve) => setImmediate(resolve));
  const { broken } = steps;
  const left = missed();
  steps.close();
  return {
    ...(broken ? { end: "diverged", message: broken.message } : found),
    replayed: recorded.length - left.length,
    recorded: recorded.length,
    missed: left,
  };
}

/**
 * A handler may wait for something outside of its steps for ever: ends its replay when it has come to nothing on record for a whole patience.
 * This also holds the process while the handler waits for its turn.
 */
function endWhenIdle(
  missed: () => readonly string[],
  patienceMs: number,
  end: (end: ReplayEnd) => void,
): NodeJS.Timeout {
  let before = -1;
  return setInterval(() => {
    const left = missed();
    if (left.length === before) {
      end(left.length === 0 ? { end: "busy" } : stuck(left, patienceMs));
    }
    before = left.length;
  }, patienceMs);
}

function stuck(left: readonly string[], patienceMs: number): ReplayEnd {
  const more = left.length > 1 ? ` and ${left.length - 1} more` : "";
  const message = `the handler has not come to ${left[0]!}${more} on record for ${formatDuration(patienceMs)}: it does something else, or waits outside of its steps`;
  return { end: "diverged", message };
}

/** What is only asked for is asked for, as by any other code outside of steps; where something would be changed the record ends. */
function readingOnly(
  { hosts }: AnyJob,
  { id: runId, correlationId }: ReplayedRun,
  leave: (end: ReplayEnd) => Promise<never>,
): Fetch {
  const begin = (): AttemptCalls => {
    const client = ownClient();
    client.learn(hosts);
    return new AttemptCalls(client, {
      ...{ runId, correlationId, hosts },
      secrets: () => ({}),
      onCalled: () => {},
    });
  };
  let calls: AttemptCalls | undefined;
  return async (url, init = {}) => {
    const method = (init.method ?? "GET").toUpperCase();
    if (["GET", "HEAD", "OPTIONS"].includes(method)) {
      return (calls ??= begin()).fetch(url, init);
    }
    return leave({ end: "record ends", next: `ctx.fetch ${method}` });
  };
}

/** Nothing that a replay does needs a secret, and whoever replays need not have any. */
function placeholders(names: readonly string[]): HeldSecrets {
  return Object.fromEntries(names.map((name): [string, string] => [name, `[secret ${name}]`]));
}

/** What the handler comes to of what is on record. */
function ofHandler({ checkpoints }: ReplayedRun): Checkpoint[] {
  return checkpoints.filter(({ kind }) => kind !== "compensation");
}

/** The longest that a timer of Node may have. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Longer than any debugging. */
const NEVER_MS = 2 ** 50;

/** Gives what is on record, and takes nothing. */
function onlyRead(run: ReplayedRun, leave: (end: ReplayEnd) => Promise<never>): Checkpoints {
  const recorded: Recorded = {
    checkpoints: ofHandler(run),
    waits: run.waits.map((wait) => ({
      ...wait,
      restMs: wait.met ? 0 : NEVER_MS,
      dueMs: NEVER_MS,
    })),
    intents: run.intents.map((intent) => ({ ...intent, tries: 1, answer: null })),
    // What was made good does not concern the handler: it is replayed as if the run were to go on.
    compensates: true,
    unwinding: null,
  };
  const refuse = () => Promise.reject(refusal("invalid_step", "a replay records nothing"));
  return {
    read: () => Promise.resolve(recorded),
    keep: refuse,
    note: refuse,
    keepIn: refuse,
    isKept: refuse,
    ask: refuse,
    link: refuse,
    willCompensate: refuse,
    unwound: refuse,
    publish: refuse,
    take: (place) => leave({ end: "record ends", next: textOf(place) }),
    suspend: ({ waits }) => {
      const next = waits.map((wait) => textOf({ ...wait, kind: kindOf(run, wait) })).join(", ");
      void leave({ end: "waits", next });
    },
  };
}

function kindOf(run: ReplayedRun, { name, ordinal }: Pick<StepPlace, "name" | "ordinal">) {
  return run.waits.find((wait) => wait.name === name && wait.ordinal === ordinal)!.kind;
}

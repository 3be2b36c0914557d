import type { Trigger } from "@millrace/core";
import type { RunLog } from "./context.ts";
import { checkInput } from "./input.ts";
import type { AnyJob } from "./job.ts";
import type { Checkpoint, Checkpoints, Recorded, StepPlace } from "./step/checkpoints.ts";
import { type SecretValues, secretsFor } from "./secrets.ts";
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
 * - diverged: the code does not come to what is on record; the message says to what.
 */
export type ReplayEnd =
  | { readonly end: "returned"; readonly value: unknown }
  | { readonly end: "threw"; readonly error: unknown }
  | { readonly end: "record ends"; readonly next: string }
  | { readonly end: "waits"; readonly next: string }
  | { readonly end: "diverged"; readonly message: string };

export interface ReplayOptions {
  readonly log: RunLog;
  /** For how long the handler may do something else before it comes to what is next on record. */
  readonly patienceMs: number;
}

/**
 * Runs a handler over what a run has on record, and no further: no step, effect or transaction begins, nothing is written, and the
 * handler is left where the record ends. What it does outside of its steps, it does.
 *
 * @returns how that ended, and how many of what is on record the handler has come to
 * @throws MillraceError `invalid_input` when the job does not take the input any more
 */
export async function replayJob(
  job: AnyJob,
  run: ReplayedRun,
  { log, patienceMs }: ReplayOptions,
): Promise<ReplayEnd & { replayed: number; recorded: number }> {
  const input = await checkInput(job, run.input);
  let end!: (end: ReplayEnd) => void;
  const ended = new Promise<ReplayEnd>((resolve) => (end = resolve));
  const leave = (found: ReplayEnd): Promise<never> => {
    end(found);
    return new Promise(() => {});
  };
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
        step: steps.step,
        publish: () => Promise.resolve(),
        continueAsNew: () => leave({ end: "record ends", next: "continueAsNew" }),
        progress: () => {},
        cost: () => {},
        completeIn: () => leave({ end: "record ends", next: "completeIn" }),
      });
      return { end: "returned", value };
    } catch (error) {
      return { end: "threw", error };
    }
  };
  // While the handler waits for its turn, nothing else may hold the process.
  const alive = setInterval(() => {}, MAX_TIMER_MS);
  const found = await Promise.race([handle(), ended]).finally(() => clearInterval(alive));
  const recorded = ofHandler(run).filter(({ kind }) => kind !== "patch").length;
  const standing = run.waits.length + run.intents.length;
  const { broken, left } = steps;
  steps.close();
  return {
    ...(broken ? { end: "diverged", message: broken.message } : found),
    replayed: recorded + standing - left,
    recorded: recorded + standing,
  };
}

/** Nothing that a replay does needs a secret, and whoever replays need not have any. */
function placeholders(names: readonly string[]): SecretValues {
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

import type { Trigger } from "@millrace/core";
import {
  type Aborted,
  type Context,
  Continuing,
  type HostBound,
  type Job,
  type LogFields,
  type RunLog,
  type SecretValues,
  StepRunner,
  currentStep,
  secretsFor,
} from "@millrace/sdk";
import { type Level, MAX_LINES, fieldsText, finite, messageText } from "../log-line.ts";
import { costUnits } from "../cost-units.ts";
import { requireNoSecretIn } from "../guard-record.ts";
import { Ending } from "../ending.ts";
import { Masks } from "../../security/masks.ts";
import { OwnTransaction } from "../own-transaction.ts";
import { IsolatedCalls } from "./isolated-calls.ts";
import { IsolatedCheckpoints } from "./isolated-checkpoints.ts";
import { noKeyHere } from "./no-key-here.ts";
import type { CrossingSecrets, IsolatedRun, Notice } from "./protocol.ts";

/** Progress crosses so often at the most; only the newest counts. */
const PROGRESS_EVERY_MS = 100;

/** The context of an attempt in a place of its own: what it says is sent to the worker, which keeps it. */
export class IsolatedContext implements Context {
  readonly runId: string;
  readonly job: string;
  readonly attempt: number;
  readonly trigger: Trigger;
  readonly scheduledFor: Date | undefined;
  readonly idempotencyKey: string;
  readonly correlationId: string | undefined;
  readonly secrets: SecretValues;
  readonly log: RunLog;
  readonly fetch: Context["fetch"];
  readonly calls: IsolatedCalls;
  readonly progress: Context["progress"];
  readonly cost: Context["cost"];
  readonly completeIn: Context["completeIn"];
  readonly step: Context["step"];
  readonly publish: Context["publish"];
  readonly continueAsNew: Context["continueAsNew"];
  readonly continuing: Continuing;
  /** The job, as soon as it is loaded. */
  definition: Job | undefined;
  readonly checkpoints: IsolatedCheckpoints;
  /** How its handler is told that the run is to end, if it is. */
  readonly ending = new Ending(
    () => this.signal,
    (reason) => this.#controller.abort(reason),
  );
  #aborted: Aborted | undefined;
  readonly #steps: StepRunner;
  #over = false;
  readonly #controller = new AbortController();
  readonly #send: (notice: Notice) => void;
  #lines = 0;
  #progress: Extract<Notice, { progress: unknown }> | undefined;
  #progressSentAt = -Infinity;
  #progressTimer: NodeJS.Timeout | undefined;

  /** @param tell sends a notice to the worker */
  constructor(run: IsolatedRun, tell: (notice: Notice) => void) {
    // What a handler that was left has to say would be taken for the words of the next one here.
    const send = (notice: Notice) => {
      if (!this.#over) tell(notice);
    };
    this.runId = run.runId;
    this.job = run.job;
    this.attempt = run.attempt;
    this.trigger = run.trigger;
    this.scheduledFor = run.scheduledFor === undefined ? undefined : new Date(run.scheduledFor);
    this.idempotencyKey = run.runId;
    this.correlationId = run.correlationId ?? undefined;
    this.#send = send;
    const texts = textsOf(run.secrets);
    this.secrets = secretsFor(run.job, { ...withoutValues(run.secrets), ...texts });
    const masks = Masks.of(texts);
    const write = (level: Level) => (message: string, fields?: LogFields) => {
      // Those beyond it are only counted: to take them over would hold up those of others.
      if (++this.#lines > MAX_LINES) return;
      const step = currentStep();
      send({
        line: {
          ...{ level, message: messageText(message, masks), fields: fieldsText(fields, masks) },
          ...(step !== undefined && { step }),
        },
      });
    };
    this.log = {
      debug: write("debug"),
      info: write("info"),
      warn: write("warn"),
      error: write("error"),
    };
    this.calls = new IsolatedCalls(send);
    this.fetch = this.calls.fetch;
    this.checkpoints = new IsolatedCheckpoints(send, run, masks);
    this.#steps = new StepRunner({
      checkpoints: this.checkpoints,
      runId: run.runId,
      attempt: run.attempt,
      signal: () => this.ending.signal,
      stopped: () => this.#aborted,
      warn: (message) => this.log.warn(message),
      onEnding: (reason) => this.ending.begin(reason),
    });
    this.step = this.#steps.step;
    this.publish = this.#steps.publish;
    this.continuing = new Continuing(() => this.definition!);
    this.continueAsNew = this.continuing.continueAsNew;
    const own = new OwnTransaction(() => send({ completing: true }));
    this.completeIn = async (tx, output) => {
      if (run.sealed) throw noKeyHere("ctx.completeIn");
      requireNoSecretIn(output, `output of ${run.job}`, masks);
      return own.complete(tx, output, run.hold, run.job);
    };
    this.cost = (units) => send({ cost: costUnits(units) });
    this.progress = (done, total, message) => {
      this.#progress = {
        progress: {
          done: finite(done, "done"),
          ...(total === undefined ? {} : { total: finite(total, "total") }),
          ...(message === undefined ? {} : { message: messageText(message, masks) }),
        },
      };
      // At once where that may be: a handler that computes lets no timer fire.
      const restMs = this.#progressSentAt + PROGRESS_EVERY_MS - performance.now();
      if (restMs <= 0) this.flush();
      else this.#progressTimer ??= setTimeout(() => this.flush(), restMs);
    };
  }

  /** Why what is on record is not that of the handler's code, if it is not. */
  get diverged(): Error | undefined {
    return this.#steps.broken;
  }

  /** What it has refused to its handler, because the run is to end. */
  get refused(): Error | undefined {
    return this.#steps.refused;
  }

  /** Its handler has thrown: makes good what it did, when the run is to end. */
  unwind(thrown: unknown): ReturnType<StepRunner["unwind"]> {
    return this.#steps.unwind(thrown);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: Aborted): void {
    this.#aborted ??= reason;
    this.#controller.abort(reason);
    this.ending.abort(reason);
  }

  /** Its handler has ended, or was left: nothing of it begins a step any more. */
  conclude(): void {
    this.#steps.close();
    this.flush();
    if (this.#lines > MAX_LINES) this.#send({ unsaid: this.#lines - MAX_LINES });
    this.#over = true;
  }

  /** Sends what has been held back. */
  flush(): void {
    clearTimeout(this.#progressTimer);
    this.#progressTimer = undefined;
    if (!this.#progress) return;
    this.#send(this.#progress);
    this.#progress = undefined;
    this.#progressSentAt = performance.now();
  }
}

function textsOf(secrets: CrossingSecrets): Record<string, string> {
  const texts = Object.entries(secrets).flatMap(([name, text]): [string, string][] =>
    text === null ? [] : [[name, text]],
  );
  return Object.fromEntries(texts);
}

/** Those that are bound to hosts: their handler sees no more of them than their names anywhere. */
function withoutValues(secrets: CrossingSecrets): Record<string, HostBound> {
  const names = Object.keys(secrets).filter((name) => secrets[name] === null);
  return Object.fromEntries(names.map((name) => [name, { value: "", hosts: [] }]));
}

import type { CallRecord } from "@millrace/sdk/http";
import { Batcher } from "../runtime/batcher.ts";
import { failpoint } from "../runtime/failpoints.ts";
import { keepCalls } from "../store/events.ts";
import { keepProgress } from "../store/run-output.ts";
import { Masks } from "../security/masks.ts";
import type { Queryable } from "../store/statement.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { AttemptContext } from "./attempt-context.ts";
import type { AttemptLog } from "./attempt-log.ts";
import { type Level, finite, messageText } from "./log-line.ts";
import { type LogObserver, RunLogs } from "./run-logs.ts";

/** Progress is noted so often at the most; the newest value of that time is the one that is kept. */
const PROGRESS_EVERY_MS = 250;

/** Calls of one attempt that are kept; a loop that calls must not fill the database. */
const MAX_CALLS = 100;

interface Progress {
  context: AttemptContext;
  done: number;
  total: number | null;
  message: string | null;
}

export interface RunOutputOptions {
  /** The secrets that the worker has loaded. */
  masks?: Masks | undefined;
  /** The least level of lines that are kept. Default `info`. */
  logLevel?: Level | "none" | undefined;
  /** Told what becomes of log lines, for metrics. */
  onLog?: LogObserver | undefined;
}

interface Called {
  context: AttemptContext;
  detail: string;
}

/**
 * What handlers say while they run: log lines and progress, batched over all runs of the worker and written through
 * their leases. Losing some of it (the database is away) never fails a run.
 */
export class RunOutput {
  readonly #db: Queryable;
  readonly workerId: number;
  /** The secrets that the worker has loaded. */
  readonly masks: Masks;
  readonly #logger: Logger;
  readonly #logs: RunLogs;
  readonly #calls: Batcher<Called, void>;
  readonly #callsOf = new WeakMap<AttemptContext, number>();
  readonly #dirty = new Map<string, Progress>();
  readonly #underWay = new Map<string, Promise<unknown>>();
  #progressTimer: NodeJS.Timeout | undefined;

  constructor(
    db: Queryable,
    workerId: number,
    logger: Logger,
    { masks = new Masks(), logLevel = "info", onLog }: RunOutputOptions = {},
  ) {
    this.#db = db;
    this.workerId = workerId;
    this.masks = masks;
    this.#logger = logger;
    this.#logs = new RunLogs({
      ...{ db, workerId, logger, masks, level: logLevel, observer: onLog },
    });
    this.#calls = new Batcher((calls) => this.#writeCalls(calls), 500);
  }

  logFor(context: AttemptContext): AttemptLog {
    return this.#logs.open(context);
  }

  progress(context: AttemptContext, done: number, total?: number, message?: string): void {
    this.#dirty.set(context.runId, {
      context,
      done: finite(done, "done"),
      total: total === undefined ? null : finite(total, "total"),
      message: message === undefined ? null : this.#progressText(context, message),
    });
    this.#progressTimer ??= setTimeout(() => void this.#writeProgress(), PROGRESS_EVERY_MS);
  }

  #progressText({ seal }: AttemptContext, message: string): string {
    const text = messageText(message, this.masks);
    return seal ? seal.text("progress", text) : text;
  }

  /** A call of a handler to somebody else has ended. The first of an attempt are kept, and of a run no more than its statement takes. */
  called(context: AttemptContext, call: CallRecord): void {
    const calls = (this.#callsOf.get(context) ?? 0) + 1;
    this.#callsOf.set(context, calls);
    if (calls > MAX_CALLS) return;
    const { attempt } = context;
    const shown = {
      attempt,
      ...call,
      host: this.masks.mask(call.host),
      // Of a run that is about somebody it may name whom.
      path: context.seal ? null : this.masks.mask(call.path),
    };
    const known = Object.entries(shown).filter(([, value]) => value !== null);
    const detail = JSON.stringify(Object.fromEntries(known));
    this.#track(context.runId, this.#calls.add({ context, detail }));
  }

  /** Whether a run has said something that is not written yet. Most say nothing. */
  owes(runId: string): boolean {
    return this.#dirty.has(runId) || this.#underWay.has(runId) || this.#logs.owes(runId);
  }

  /** Waits until what a run has said is written: after it is settled there is no lease to write it through. */
  async flush(runId: string): Promise<void> {
    if (this.#dirty.has(runId)) void this.#writeProgress();
    await Promise.all([this.#underWay.get(runId), this.#logs.flush(runId)]);
  }

  /** Gives up what cannot be written any more. */
  abandon(): void {
    this.#logs.abandon();
  }

  #track(runId: string, written: Promise<unknown>): void {
    const all = Promise.allSettled([this.#underWay.get(runId), written]).then(() => {
      if (this.#underWay.get(runId) === all) this.#underWay.delete(runId);
    });
    this.#underWay.set(runId, all);
  }

  async #writeCalls(calls: Called[]): Promise<undefined[]> {
    try {
      await keepCalls(
        this.#db,
        this.workerId,
        calls.map(({ context }) => context.leaseId),
        calls.map(({ context }) => context.runId),
        calls.map(({ detail }) => detail),
      );
    } catch (error) {
      this.#logger.warn(
        { event: "run.calls_unkept", err: error, calls: calls.length },
        "calls of runs were not kept",
      );
    }
    return calls.map(() => undefined);
  }

  async #writeProgress(): Promise<void> {
    clearTimeout(this.#progressTimer);
    this.#progressTimer = undefined;
    const notes = [...this.#dirty.values()];
    this.#dirty.clear();
    if (notes.length === 0) return;
    failpoint("progress.before");
    const written = keepProgress(
      this.#db,
      this.workerId,
      notes.map((note) => note.context.leaseId),
      notes.map((note) => note.context.runId),
      notes.map((note) => note.done),
      notes.map((note) => note.total),
      notes.map((note) => note.message),
    ).catch((error: unknown) => {
      this.#logger.warn(
        { event: "run.progress_unkept", err: error },
        "progress of runs was not kept",
      );
    });
    for (const note of notes) this.#track(note.context.runId, written);
    await written;
    failpoint("progress.after_commit");
  }
}

import type { LogFields, RunLog } from "@millrace/sdk";
import type { CallRecord } from "@millrace/sdk/http";
import { Batcher } from "../runtime/batcher.ts";
import { failpoint } from "../runtime/failpoints.ts";
import { keepCalls } from "../store/events.ts";
import { keepLog, keepProgress } from "../store/run-output.ts";
import type { RunSeal } from "../engine/subjects/run-seal.ts";
import { Masks } from "../security/masks.ts";
import type { Queryable } from "../store/statement.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { AttemptContext } from "./attempt-context.ts";
import { type Level, MAX_LINES, fieldsText, finite, messageText } from "./log-line.ts";

/** Room for the numbers of one attempt's lines, so that lines sort by attempt and then as they were written. */
const SEQS_PER_ATTEMPT = 100_000;

/** Progress is noted so often at the most; the newest value of that time is the one that is kept. */
const PROGRESS_EVERY_MS = 250;

/** Calls of one attempt that are kept; a loop that calls must not fill the database. */
const MAX_CALLS = 100;

interface Line {
  context: AttemptContext;
  seq: number;
  at: Date;
  level: Level;
  message: string;
  fields: string | null;
}

type Told = Pick<Line, "level" | "message" | "fields">;

/** A line of a run that is about somebody is in its log alone, encrypted, and in none of the worker. */
function sealedLine(line: Told, seal: RunSeal | undefined): Told {
  if (!seal) return line;
  const fields = line.fields && seal.json("fields", line.fields);
  return { level: line.level, message: seal.text("log", line.message), fields };
}

/** What a line says besides its text. */
function said({ fields }: Told, traceId: string | undefined) {
  const told = { event: "run.log" as const, fields: fields && (JSON.parse(fields) as unknown) };
  return traceId === undefined ? told : { ...told, trace_id: traceId };
}

interface Progress {
  context: AttemptContext;
  done: number;
  total: number | null;
  message: string | null;
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
  readonly #lines: Batcher<Line, void>;
  readonly #calls: Batcher<Called, void>;
  readonly #callsOf = new WeakMap<AttemptContext, number>();
  readonly #dirty = new Map<string, Progress>();
  readonly #underWay = new Map<string, Promise<unknown>>();
  #progressTimer: NodeJS.Timeout | undefined;

  constructor(db: Queryable, workerId: number, logger: Logger, masks = new Masks()) {
    this.#db = db;
    this.workerId = workerId;
    this.masks = masks;
    this.#logger = logger;
    this.#lines = new Batcher((lines) => this.#writeLines(lines), 500);
    this.#calls = new Batcher((calls) => this.#writeCalls(calls), 500);
  }

  logFor(context: AttemptContext): RunLog {
    const logger = this.#logger.child({
      run: context.runId,
      job: context.job,
      attempt: context.attempt,
      correlation: context.correlationId,
    });
    let lines = 0;
    const write = (level: Level) => (message: string, fields?: LogFields) => {
      if (++lines > MAX_LINES + 1) return;
      const { masks } = this;
      const line =
        lines <= MAX_LINES
          ? { level, message: messageText(message, masks), fields: fieldsText(fields, masks) }
          : { level: "warn" as const, message: `only ${MAX_LINES} lines are kept`, fields: null };
      const { seal } = context;
      if (!seal) logger[line.level](said(line, context.traceId), line.message);
      const seq = context.attempt * SEQS_PER_ATTEMPT + lines - 1;
      this.#track(
        context.runId,
        this.#lines.add({ context, seq, at: new Date(), ...sealedLine(line, seal) }),
      );
    };
    return {
      debug: write("debug"),
      info: write("info"),
      warn: write("warn"),
      error: write("error"),
    };
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
    return this.#dirty.has(runId) || this.#underWay.has(runId);
  }

  /** Waits until what a run has said is written: after it is settled there is no lease to write it through. */
  async flush(runId: string): Promise<void> {
    if (this.#dirty.has(runId)) void this.#writeProgress();
    await this.#underWay.get(runId);
  }

  #track(runId: string, written: Promise<unknown>): void {
    const all = Promise.allSettled([this.#underWay.get(runId), written]).then(() => {
      if (this.#underWay.get(runId) === all) this.#underWay.delete(runId);
    });
    this.#underWay.set(runId, all);
  }

  async #writeLines(lines: Line[]): Promise<undefined[]> {
    try {
      failpoint("log.before");
      await keepLog(
        this.#db,
        this.workerId,
        lines.map((line) => line.context.leaseId),
        lines.map((line) => line.context.runId),
        lines.map((line) => line.seq),
        lines.map((line) => line.context.attempt),
        lines.map((line) => line.at),
        lines.map((line) => line.level),
        lines.map((line) => line.message),
        lines.map((line) => line.fields),
      );
      failpoint("log.after_commit");
    } catch (error) {
      this.#logger.warn(
        { event: "run.log_unkept", err: error, lines: lines.length },
        "log lines of runs were not kept",
      );
    }
    return lines.map(() => undefined);
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

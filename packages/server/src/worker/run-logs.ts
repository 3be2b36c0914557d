import { setTimeout as pause } from "node:timers/promises";
import { Batcher } from "../runtime/batcher.ts";
import { failpoint } from "../runtime/failpoints.ts";
import type { Masks } from "../security/masks.ts";
import { isUnavailable } from "../store/database.ts";
import { keepLog, readLogSizes } from "../store/run-output.ts";
import type { Queryable } from "../store/statement.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { AttemptContext } from "./attempt-context.ts";
import { AttemptLog, type Line } from "./attempt-log.ts";
import { LogHold } from "./log-hold.ts";
import type { Level } from "./log-line.ts";

/** Lines that one statement writes. Attempts share them evenly, so that a flood of one holds up nobody else's outcome. */
const MAX_BATCH = 500;

/** For so long lines are kept while the database is away; longer, and the worker has lost what it holds. */
const AWAY_MS = 30_000;

/** What becomes of lines, for metrics. */
export interface LogObserver {
  /** A batch was written: how many lines it had, and how many of them are kept. */
  written(lines: number, kept: number): void;
  /** A line, or its fields, are kept in part. */
  cut(): void;
  /** They are not kept: the run has as many as it may, the worker could not hold them, the database did not take them. */
  leftOut(why: "run" | "worker" | "database", lines: number): void;
}

export interface RunLogsOptions {
  db: Queryable;
  workerId: number;
  logger: Logger;
  masks: Masks;
  /** The least level that is kept. */
  level: Level | "none";
  observer: LogObserver | undefined;
}

/**
 * The logs of a worker's runs: lines are batched over all of them, and written through their leases. To say something costs a handler no wait, and
 * never fails it; what a worker that is killed has not written is what was said while the last batch was under way.
 */
export class RunLogs {
  readonly #options: RunLogsOptions;
  readonly #hold = new LogHold();
  readonly #batcher: Batcher<AttemptLog, void>;
  /** Those that owe something, by their runs. */
  readonly #owing = new Map<string, AttemptLog>();
  readonly #drained = new Map<AttemptLog, (() => void)[]>();
  #abandoned = false;

  constructor(options: RunLogsOptions) {
    this.#options = options;
    this.#batcher = new Batcher((logs) => this.#write(logs), MAX_BATCH);
  }

  open(context: AttemptContext): AttemptLog {
    const { logger, masks, level, observer } = this.#options;
    return new AttemptLog(context, {
      ...{ logger, masks, level, hold: this.#hold },
      onCut: () => observer?.cut(),
      onLeftOut: (why, lines) => observer?.leftOut(why, lines),
      onSaid: (log) => this.#queue(log),
    });
  }

  /** Whether a run has said something that is not written yet. */
  owes(runId: string): boolean {
    return this.#owing.has(runId);
  }

  /** Waits until all that a run has said is written, and what was left out is told. */
  async flush(runId: string): Promise<void> {
    const log = this.#owing.get(runId);
    if (!log) return;
    if (!log.queued) log.tellLeftOut();
    if (!log.queued) return this.#forget(log);
    await new Promise<void>((resolve) => {
      this.#drained.set(log, [...(this.#drained.get(log) ?? []), resolve]);
    });
  }

  /** Gives up what cannot be written: the leases are gone, or the process has to end. */
  abandon(): void {
    this.#abandoned = true;
  }

  #queue(log: AttemptLog): void {
    this.#owing.set(log.context.runId, log);
    if (log.queued) return;
    log.queued = true;
    this.#batcher.push(log, TO_NOBODY);
  }

  async #write(logs: AttemptLog[]): Promise<undefined[]> {
    await this.#size(logs.filter((log) => log.unsized));
    const share = Math.max(1, Math.floor(MAX_BATCH / logs.length));
    const parts = logs.map((log) => log.take(share)).filter((lines) => lines.length > 0);
    if (parts.length > 0) await this.#keep(parts);
    for (const log of logs) this.#goOn(log);
    return logs.map(() => undefined);
  }

  #goOn(log: AttemptLog): void {
    log.queued = false;
    if (log.empty && this.#drained.has(log)) log.tellLeftOut();
    if (!log.empty) this.#queue(log);
    else if (!log.owes || this.#drained.has(log)) this.#forget(log);
  }

  #forget(log: AttemptLog): void {
    const { runId } = log.context;
    if (this.#owing.get(runId) === log) this.#owing.delete(runId);
    const waiting = this.#drained.get(log);
    this.#drained.delete(log);
    for (const resolve of waiting ?? []) resolve();
  }

  /** Attempts after the first: what their runs have in their logs counts. */
  async #size(logs: readonly AttemptLog[]): Promise<void> {
    if (logs.length === 0) return;
    const runs = logs.map(({ context }) => context.runId);
    const rows = await this.#patiently(() => readLogSizes(this.#options.db, runs)).catch(() => []);
    const sizes = new Map((rows ?? []).map((row) => [row.run_id, row]));
    for (const log of logs) {
      const size = sizes.get(log.context.runId);
      log.sized(size?.lines ?? 0, size?.bytes ?? 0);
    }
  }

  /** What the database refuses of one run must not take the lines of others with it. */
  async #keep(parts: readonly Line[][]): Promise<void> {
    try {
      await this.#send(parts.flat());
    } catch (error) {
      if (parts.length === 1 || isUnavailable(error)) return this.#lose(parts.flat(), error);
      for (const lines of parts) {
        await this.#send(lines).catch((refused: unknown) => this.#lose(lines, refused));
      }
    }
  }

  async #send(lines: readonly Line[]): Promise<void> {
    const { db, workerId, observer } = this.#options;
    failpoint("log.before");
    const rows = await this.#patiently(() =>
      keepLog(
        db,
        workerId,
        lines.map((line) => line.context.leaseId),
        lines.map((line) => line.context.runId),
        lines.map((line) => line.seq),
        lines.map((line) => line.context.attempt),
        lines.map((line) => line.at),
        lines.map((line) => line.level),
        lines.map((line) => line.message),
        lines.map((line) => line.fields),
        lines.map((line) => line.step),
      ),
    );
    failpoint("log.after_commit");
    observer?.written(lines.length, rows[0]?.kept ?? 0);
  }

  /** A line that was written by a try whose answer did not come is there already, and is not written twice. */
  async #patiently<T>(ask: () => Promise<T>): Promise<T> {
    const since = performance.now();
    for (let tries = 1; ; tries++) {
      try {
        return await ask();
      } catch (error) {
        const late = performance.now() - since > AWAY_MS;
        if (!isUnavailable(error) || this.#abandoned || late) throw error;
        await pause(Math.min(1000, 50 * 2 ** tries) * (0.5 + Math.random() / 2));
      }
    }
  }

  #lose(lines: readonly Line[], error: unknown): void {
    this.#options.observer?.leftOut("database", lines.length);
    this.#options.logger.warn(
      { event: "run.log_unkept", err: error, lines: lines.length },
      "log lines of runs were not kept",
    );
  }
}

const TO_NOBODY = { resolve: () => {}, reject: () => {} };

import { setTimeout as pause } from "node:timers/promises";
import { MAX_SETTLE, type Outcome, type Settled, settleBatch } from "../engine/settle.ts";
import { awake } from "../runtime/awake-clock.ts";
import { Batcher, type Recipient } from "../runtime/batcher.ts";
import { failpoint } from "../runtime/failpoints.ts";
import { isUnavailable } from "../store/database.ts";
import { readUnlessLocked, recordedBy } from "../store/settle.ts";
import type { Queryable } from "../store/statement.ts";
import type { Logger } from "../telemetry/logger.ts";

/** While one batch waits for the disk, another is on its way. */
const LANES = 2;

/** Of an outcome that is sent to see whether outcomes come through: leases are numbered from 1. */
export const NO_LEASE = 0;

/** How long a batch of outcomes took, in milliseconds, and how many it was of. */
export type OnBatch = (ms: number, outcomes: number) => void;

/** After some 5 s. */
const LONG_OPEN_TRIES = 16;

/**
 * Records outcomes in batches. While the database is away it tries again, for as long as the worker may hold its leases:
 * an outcome that cannot be recorded would cost a whole attempt.
 */
export class Settler {
  readonly #db: Queryable;
  readonly #workerId: number;
  readonly #logger: Logger;
  readonly #batcher: Batcher<Outcome, Settled>;
  readonly #onRoomier: (queues: string[]) => void;
  readonly #onBatch: OnBatch | undefined;
  #abandoned = false;
  #recordedAt = -Infinity;
  /** When each batch that is under way was begun. */
  readonly #underWay = new Set<{ since: number }>();

  /**
   * @param onRoomier told of the queues in which a limit has room again, for others may wait for it
   * @param onBatch told of every batch that was recorded, for metrics
   */
  constructor(
    db: Queryable,
    workerId: number,
    logger: Logger,
    onRoomier: (queues: string[]) => void,
    onBatch?: OnBatch,
  ) {
    this.#db = db;
    this.#onBatch = onBatch;
    this.#onRoomier = onRoomier;
    this.#workerId = workerId;
    this.#logger = logger;
    this.#batcher = new Batcher((outcomes) => this.#watched(outcomes), MAX_SETTLE, LANES);
  }

  /** Outcomes that are not recorded yet. */
  get pending(): number {
    return this.#batcher.pending;
  }

  /** How many outcomes may be on their way to the database at once. */
  readonly atOnce = LANES * MAX_SETTLE;

  /** When a batch was recorded last, by the awake clock. */
  get recordedAt(): number {
    return this.#recordedAt;
  }

  /** For how many milliseconds of the awake clock the oldest batch has been under way; 0 for none. */
  get stuckMs(): number {
    const [oldest] = this.#underWay;
    return oldest ? awake.now() - oldest.since : 0;
  }

  add(outcome: Outcome): Promise<Settled> {
    return this.#batcher.add(outcome);
  }

  push(outcome: Outcome, to: Recipient<Settled>): void {
    this.#batcher.push(outcome, to);
  }

  /**
   * Waits until no transaction of the handler's own holds the run any more, and answers whether one has completed it. A
   * statement that would wait for the run's row would hold up the outcomes of other runs.
   */
  async wasCompleted({ runId }: Outcome): Promise<boolean> {
    for (let tries = 1; !this.#abandoned; tries++) {
      try {
        const [row] = await readUnlessLocked(this.#db, runId);
        if (row) return row.worker_id === this.#workerId && row.state === "completed";
      } catch (error) {
        if (!isUnavailable(error)) throw error;
      }
      if (tries === LONG_OPEN_TRIES) {
        this.#logger.warn(
          { event: "outcome.waits", run: runId },
          "the handler has ended, and its transaction is still open; its run waits for it",
        );
      }
      await pause(Math.min(500, 5 * 2 ** tries));
    }
    return false;
  }

  /** Gives up what cannot be recorded: the leases are gone, or the process has to end. */
  abandon(): void {
    this.#abandoned = true;
  }

  async #watched(outcomes: readonly Outcome[]): Promise<Settled[]> {
    const batch = { since: awake.now() };
    this.#underWay.add(batch);
    try {
      const settled = await this.#record(outcomes);
      this.#recordedAt = awake.now();
      return settled;
    } finally {
      this.#underWay.delete(batch);
    }
  }

  /** @param again whether these outcomes have been sent before */
  async #record(outcomes: readonly Outcome[], again = false): Promise<Settled[]> {
    for (let tries = 1; ; tries++) {
      try {
        failpoint("settle.before");
        const askedAt = performance.now();
        const { settled, roomier } = await settleBatch(this.#db, this.#workerId, outcomes);
        failpoint("settle.after_commit");
        // A self-test's outcome is no run's.
        const runs = outcomes.filter(({ leaseId }) => leaseId !== NO_LEASE).length;
        if (runs > 0) this.#onBatch?.(performance.now() - askedAt, runs);
        if (roomier.length > 0) this.#onRoomier(roomier);
        return again || tries > 1 ? await this.#recognise(outcomes, settled) : settled;
      } catch (error) {
        if (!isUnavailable(error)) return await this.#recordApart(outcomes, error);
        if (this.#abandoned) return outcomes.map((): Settled => "lease lost");
        const level = tries === 1 ? "warn" : "debug";
        const facts = {
          event: "outcome.put_off",
          err: error,
          outcomes: outcomes.length,
          tries,
        } as const;
        this.#logger[level](facts, "settling is put off");
        await pause(Math.min(1000, 50 * 2 ** tries) * (0.5 + Math.random() / 2));
      }
    }
  }

  /** A lease may be gone because an earlier try, whose answer did not come, was carried out. */
  async #recognise(outcomes: readonly Outcome[], settled: Settled[]): Promise<Settled[]> {
    const refused = outcomes.filter((_, n) => settled[n] === "lease lost");
    if (refused.length === 0) return settled;
    const runs = refused.map((outcome) => outcome.runId);
    const rows = await recordedBy(this.#db, this.#workerId, runs);
    const ours = new Set(rows.map((row) => row.run_id));
    return settled.map((what, n) =>
      what === "lease lost" && ours.has(outcomes[n]!.runId) ? "recorded" : what,
    );
  }

  /** One outcome that the database refuses must not take the others of its batch with it. */
  async #recordApart(outcomes: readonly Outcome[], error: unknown): Promise<Settled[]> {
    const [only] = outcomes;
    if (only && outcomes.length === 1) {
      if (isRefusal(only)) throw error;
      this.#logger.error(
        { event: "outcome.refused", err: error, run: only.runId },
        "an outcome was refused by the database",
      );
      return this.#record([refusedBy(error, only)], true);
    }
    const settled: Settled[] = [];
    for (const outcome of outcomes) settled.push(...(await this.#record([outcome], true)));
    return settled;
  }
}

const REFUSED = "the database refused it: ";

function isRefusal(outcome: Outcome): boolean {
  return outcome.verdict === "fail" && outcome.failure.message.startsWith(REFUSED);
}

function refusedBy(error: unknown, { leaseId, runId }: Outcome): Outcome {
  const message = `${REFUSED}${error instanceof Error ? error.message : String(error)}`;
  return {
    leaseId,
    runId,
    verdict: "fail",
    failure: { class: "InvalidOutput", message, stack: null },
  };
}

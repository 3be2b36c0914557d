import { setTimeout as pause } from "node:timers/promises";
import { MillraceError } from "@millrace/core";
import {
  Aborted,
  type Checkpoint,
  type Checkpoints,
  type NewCheckpoint,
  type Wait,
} from "@millrace/sdk";
import { Batcher } from "../runtime/batcher.ts";
import { failpoint } from "../runtime/failpoints.ts";
import { isUnavailable } from "../store/database.ts";
import type { Queryable } from "../store/statement.ts";
import { type KeptRow, keepSteps, readRecorded } from "../store/steps.ts";
import type { Logger } from "../telemetry/logger.ts";

/** In one statement; each may have a value of 1 MiB. */
const MAX_BATCH = 64;

/** While one batch waits for the disk, another is on its way. */
const LANES = 2;

/** The attempt that a checkpoint is of. */
interface StepMaker {
  readonly runId: string;
  readonly attempt: number;
  readonly leaseId: number;
  readonly aborted: Aborted | undefined;
  abort(reason: Aborted): void;
}

interface Item extends NewCheckpoint {
  maker: StepMaker;
}

/** The database does not take it, and would not take it another time. */
interface Refused {
  refused: unknown;
}

/**
 * Records the checkpoints of a worker's runs through their leases, batched by what waits. While the database is away it tries
 * again until the attempt is told to stop: a step whose result is lost runs twice.
 */
export class CheckpointKeeper {
  readonly #db: Queryable;
  readonly #workerId: number;
  readonly #logger: Logger;
  readonly #batcher: Batcher<Item, KeptRow | Refused>;

  constructor(db: Queryable, workerId: number, logger: Logger) {
    this.#db = db;
    this.#workerId = workerId;
    this.#logger = logger;
    this.#batcher = new Batcher((items) => this.#record(items), MAX_BATCH, LANES);
  }

  /** Those of one attempt. */
  of(maker: StepMaker): Checkpoints {
    return {
      read: () => (maker.attempt > 1 ? this.#read(maker) : Promise.resolve([])),
      keep: (checkpoint) => this.#keep(maker, checkpoint),
    };
  }

  async #read(maker: StepMaker): Promise<Checkpoint[]> {
    const rows = await this.#persist(maker, () => readRecorded(this.#db, maker.runId));
    return rows.map(({ name, ordinal, kind, value, rest_ms, due_at }) => ({
      ...{ name, ordinal, kind, value },
      wait: waitOf(rest_ms, due_at),
    }));
  }

  async #keep(maker: StepMaker, checkpoint: NewCheckpoint): Promise<Wait | null> {
    const row = await this.#persist(maker, () => this.#batcher.add({ ...checkpoint, maker }));
    if ("refused" in row) throw row.refused;
    if (row.held && row.ours) return waitOf(row.rest_ms, row.due_at);
    const { runId, attempt } = maker;
    if (row.held) {
      throw new MillraceError(
        "step_mismatch",
        `another attempt of run ${runId} has recorded ${JSON.stringify(checkpoint.name)} already`,
      );
    }
    // The run is another's: its handler must stop, and what it does on the way is not recorded either.
    const lost = new Aborted("lease-lost", `attempt ${attempt} of run ${runId} has lost its lease`);
    maker.abort(lost);
    throw lost;
  }

  /** Tries for as long as the attempt may go on. */
  async #persist<T>(maker: StepMaker, work: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await work();
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        if (maker.aborted) throw maker.aborted;
        const level = tries === 1 ? "warn" : "debug";
        this.#logger[level]({ err: error, run: maker.runId, tries }, "a checkpoint is put off");
        await pause(Math.min(1000, 50 * 2 ** tries) * (0.5 + Math.random() / 2));
      }
    }
  }

  async #record(items: readonly Item[]): Promise<(KeptRow | Refused)[]> {
    try {
      failpoint("step.before");
      const kept = await this.#write(items);
      failpoint("step.after_commit");
      return kept;
    } catch (error) {
      if (isUnavailable(error)) throw error;
      if (items.length === 1) return [{ refused: error }];
    }
    // One that the database refuses must not take the others of its batch with it.
    const kept: (KeptRow | Refused)[] = [];
    for (const item of items) kept.push(...(await this.#record([item])));
    return kept;
  }

  #write(items: readonly Item[]): Promise<KeptRow[]> {
    return keepSteps(
      this.#db,
      this.#workerId,
      items.map((item) => item.maker.leaseId),
      items.map((item) => item.maker.runId),
      items.map((item) => item.name),
      items.map((item) => item.ordinal),
      items.map((item) => item.kind),
      items.map((item) => item.maker.attempt),
      items.map((item) => item.tookMs),
      items.map((item) => item.sleepMs),
      items.map((item) => (item.untilMs === null ? null : new Date(item.untilMs))),
      items.map((item) => item.value),
    );
  }
}

function waitOf(restMs: number, due: Date | null): Wait | null {
  return due && { restMs, dueMs: due.getTime() };
}

import { setTimeout as pause } from "node:timers/promises";
import type { Trigger } from "@millrace/core";
import { Aborted, type StepPlace } from "@millrace/sdk";
import { Batcher } from "../runtime/batcher.ts";
import { isUnavailable } from "../store/database.ts";
import type { RunSeal } from "../engine/subjects/run-seal.ts";
import type { Logger } from "../telemetry/logger.ts";

/** In one statement; each may have a value of 1 MiB. */
const MAX_BATCH = 64;

/** While one batch waits for the disk, another is on its way. */
const LANES = 2;

/** The attempt that something is written for. */
export interface StepMaker {
  readonly runId: string;
  readonly attempt: number;
  readonly trigger: Trigger;
  readonly leaseId: number;
  /** Of a run that is about somebody. */
  readonly seal?: RunSeal | undefined;
  readonly aborted: Aborted | undefined;
  abort(reason: Aborted): void;
}

/** Something that an attempt writes through its lease. */
export type Leased<Given> = Given & { readonly maker: StepMaker };

/** The database does not take it, and would not take it another time. */
interface Refused {
  refused: unknown;
}

/**
 * Writes for the attempts of a worker, through their leases, batched by what waits. While the database is away it tries again until the
 * attempt is told to stop.
 */
export class LeasedWriter<Given, Row extends { held: boolean }> {
  readonly #write: (items: Leased<Given>[]) => Promise<Row[]>;
  readonly #logger: Logger;
  readonly #batcher: Batcher<Leased<Given>, Row | Refused>;

  /**
   * @param write answers a row for each, in order; it may be called again for the same ones, when its answer was lost
   * @param lanes 1, where what was asked for first must be written first
   */
  constructor(write: (items: Leased<Given>[]) => Promise<Row[]>, logger: Logger, lanes = LANES) {
    this.#write = write;
    this.#logger = logger;
    this.#batcher = new Batcher((items) => this.#record(items), MAX_BATCH, lanes);
  }

  /**
   * @returns the row of one that is held
   * @throws Aborted `lease-lost`, and tells the attempt so
   */
  async write(maker: StepMaker, given: Given): Promise<Row> {
    const row = await persist(maker, this.#logger, () => this.#batcher.add({ ...given, maker }));
    if ("refused" in row) throw row.refused;
    if (row.held) return row;
    // The run is another's: its handler must stop, and what it does on the way is not recorded either.
    const { runId, attempt } = maker;
    const lost = new Aborted("lease-lost", `attempt ${attempt} of run ${runId} has lost its lease`);
    maker.abort(lost);
    throw lost;
  }

  async #record(items: readonly Leased<Given>[]): Promise<(Row | Refused)[]> {
    try {
      return await this.#write([...items]);
    } catch (error) {
      if (isUnavailable(error)) throw error;
      if (items.length === 1) return [{ refused: error }];
    }
    // One that the database refuses must not take the others of its batch with it.
    const rows: (Row | Refused)[] = [];
    for (const item of items) rows.push(...(await this.#record([item])));
    return rows;
  }
}

type Places = [leases: number[], runs: string[], names: string[], ordinals: number[]];

/** Where steps belong, as parameters of a statement. */
export function placesOf(items: readonly Leased<StepPlace>[]): Places {
  return [
    items.map((item) => item.maker.leaseId),
    items.map((item) => item.maker.runId),
    items.map((item) => item.name),
    items.map((item) => item.ordinal),
  ];
}

/** Tries for as long as the attempt may go on. */
export async function persist<T>(
  maker: StepMaker,
  logger: Logger,
  work: () => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      if (maker.aborted) throw maker.aborted;
      const level = tries === 1 ? "warn" : "debug";
      logger[level](
        { event: "checkpoint.put_off", err: error, run: maker.runId, tries },
        "a checkpoint is put off",
      );
      await pause(Math.min(1000, 50 * 2 ** tries) * (0.5 + Math.random() / 2));
    }
  }
}

import { setTimeout as pause } from "node:timers/promises";
import { CHORE_MS, Loop } from "../runtime/loop.ts";
import { type Database, sqlState } from "../store/database.ts";
import { listJobs } from "../store/jobs.ts";
import { HISTORY_TABLES, type HistoryTable, ensurePartitions } from "../store/partitions.ts";
import { readClock } from "../store/prune.ts";
import type { Queryable } from "../store/statement.ts";
import type { Logger } from "../telemetry/logger.ts";
import { spanDays } from "./retention.ts";

const LOOK_EVERY_MS = 3_600_000;

/** When somebody held a table. */
const LOOK_AGAIN_MS = 60_000;

/** If nobody makes partitions for so many days, new rows go to the default partitions; nothing is refused. */
const DAYS_AHEAD = 7;

const DAY_MS = 86_400_000;

const TRIES = 5;

const LOCK_NOT_AVAILABLE = "55P03";

export interface KeepOptions {
  /** By the database's clock. */
  now: Date;
  /** How long runs are kept whose jobs say nothing; decides how wide the partitions are. */
  retentionMs: number;
}

export interface Kept {
  made: number;
  /** Tables that somebody held, so that partitions may be missing. Rows without one go to the default partition. */
  blocked: HistoryTable[];
}

/** Makes the partitions of yesterday, today and the days ahead. One table at a time, so that no lock waits for another. */
export async function keepPartitions(
  db: Queryable,
  { now, retentionMs }: KeepOptions,
): Promise<Kept> {
  const span = spanDays({ defaultMs: retentionMs, jobs: await listJobs(db, null) });
  const kept: Kept = { made: 0, blocked: [] };
  const yesterday = new Date(now.getTime() - DAY_MS);
  for (const table of HISTORY_TABLES) {
    const made = await tryToEnsure(() =>
      ensurePartitions(db, table, yesterday, DAYS_AHEAD + 2, span),
    );
    if (made === undefined) kept.blocked.push(table);
    else kept.made += made;
  }
  return kept;
}

async function tryToEnsure(ensure: () => Promise<{ made: number }[]>): Promise<number | undefined> {
  for (let tries = 1; tries <= TRIES; tries++) {
    try {
      return (await ensure())[0]?.made ?? 0;
    } catch (error) {
      if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error;
      await pause(100 + 400 * Math.random());
    }
  }
  return undefined;
}

/** Makes the partitions of the history tables ahead of time. */
export class PartitionKeeper extends Loop {
  constructor({ db, logger, retentionMs }: { db: Database; logger: Logger; retentionMs: number }) {
    super(
      "partition keeper",
      async () => {
        const { made, blocked } = await keepPartitionsNow(db, retentionMs);
        if (made > 0) logger.debug({ event: "partitions.made", made }, "made partitions");
        if (blocked.length === 0) return LOOK_EVERY_MS;
        logger.warn(
          { event: "partitions.blocked", tables: blocked },
          "partitions could not be made yet: somebody holds the tables",
        );
        return LOOK_AGAIN_MS;
      },
      logger,
      CHORE_MS,
    );
  }
}

/** {@link keepPartitions} by the database's clock. */
export async function keepPartitionsNow(db: Queryable, retentionMs: number): Promise<Kept> {
  const [clock] = await readClock(db);
  return clock ? keepPartitions(db, { now: clock.now, retentionMs }) : { made: 0, blocked: [] };
}

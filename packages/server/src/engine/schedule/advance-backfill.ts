import { type DstMark } from "@millrace/core";
import {
  type BackfillRow,
  nextBackfill,
  nextBackfilled,
  saveBackfill,
  takeBackfill,
} from "../../store/backfills.ts";
import { type Database, inTransaction } from "../../store/database.ts";
import { moveOperation } from "../../store/operations.ts";
import { lockSchedule, type ScheduleRow } from "../../store/schedules.ts";
import type { Queryable } from "../../store/statement.ts";
import { type Fired, NOTHING_FIRED, settleEntries } from "./fire.ts";

/** Runs made in one transaction. */
const MAX_RUNS = 200;

/** A batch is so much time's worth of the rate. */
const BATCH_MS = 250;

const WAIT_FOR_OTHERS_MS = 50;

/**
 * Does the next part of the backfill that has been due for longest, in one transaction. Any number of processes may call
 * this at once.
 *
 * @returns also in how many milliseconds the next part is due; null when no backfill runs
 */
export async function advanceBackfill(
  db: Database,
): Promise<{ fired: Fired; nextInMs: number | null }> {
  const [next] = await nextBackfill(db);
  if (!next || next.in_ms > 0) return { fired: NOTHING_FIRED, nextInMs: next?.in_ms ?? null };
  const fired = await inTransaction(db, async (tx) => {
    const [backfill] = await takeBackfill(tx);
    return backfill ? advance(tx, backfill) : undefined;
  });
  // One that is due and locked is another process's.
  return fired ? { fired, nextInMs: 0 } : { fired: NOTHING_FIRED, nextInMs: WAIT_FOR_OTHERS_MS };
}

async function advance(tx: Queryable, { id, filter, rate }: BackfillRow): Promise<Fired> {
  const [schedule] = await lockSchedule(tx, filter.schedule);
  if (!schedule) {
    await moveOperation(tx, id, ["running"], "stopped", "the schedule was removed");
    return NOTHING_FIRED;
  }
  const paced = rate === null ? MAX_RUNS : Math.ceil((rate * BATCH_MS) / 1000);
  const rows = await nextBackfilled(tx, id, Math.min(MAX_RUNS, paced));
  if (rows.length === 0) {
    await moveOperation(tx, id, ["running"], "completed", null);
    return NOTHING_FIRED;
  }
  const fired = await settleEntries(
    tx,
    rows.map((row) => entryOf(schedule, row, id)),
  );
  const done = fired.outcomes.filter(({ outcome }) => outcome !== "skipped").length;
  const restMs = rate === null ? 0 : (rows.length / rate) * 1000;
  await saveBackfill(tx, id, done, rows.length - done, fired.troubles[0]?.why ?? null, restMs);
  return fired;
}

function entryOf(schedule: ScheduleRow, row: { nominal: Date; dst: string | null }, id: number) {
  const nominal = row.nominal.getTime();
  return {
    schedule,
    decision: {
      nominal,
      at: nominal,
      dst: row.dst as DstMark | null,
      outcome: "caught up" as const,
      reason: `backfill ${id}`,
      fires: true,
      missed: false,
    },
  };
}

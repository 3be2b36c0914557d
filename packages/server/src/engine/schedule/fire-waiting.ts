import { type Database, inTransaction } from "../../store/database.ts";
import { firstWaiting, openRuns } from "../../store/occurrences.ts";
import { moveSchedules, type ScheduleRow, takeWaitingSchedules } from "../../store/schedules.ts";
import { type Entry, type Fired, NOTHING_FIRED, settleEntries } from "./fire.ts";

const BATCH = 200;

/**
 * Fires the first of the occurrences that waited for a run of their schedule to end, where it has. Reads only schedules of
 * which some wait.
 *
 * @param above the name to go on after, for the next portion
 * @returns also the last name that was looked at, when there may be more
 */
export async function fireWaiting(
  db: Database,
  above = "",
): Promise<Fired & { goOn: string | null }> {
  return inTransaction(db, async (tx) => {
    const schedules = await takeWaitingSchedules(tx, BATCH, above);
    const none = { ...NOTHING_FIRED, goOn: null };
    if (schedules.length === 0) return none;
    const open = await openRuns(
      tx,
      schedules.map(({ name }) => name),
    );
    const held = new Set(open.map(({ schedule }) => schedule));
    const free = new Map(
      schedules.filter(({ name }) => !held.has(name)).map((schedule) => [schedule.name, schedule]),
    );
    const goOn = schedules.length === BATCH ? schedules.at(-1)!.name : null;
    if (free.size === 0) return { ...none, goOn };
    const rows = await firstWaiting(tx, [...free.keys()]);
    const entries = rows.map((row) => entryOf(free.get(row.schedule)!, row));
    const fired = await settleEntries(tx, entries);
    await moveSchedules(tx, JSON.stringify(entries.map(({ schedule }) => oneLess(schedule))));
    return { ...fired, goOn };
  });
}

function entryOf(
  schedule: ScheduleRow,
  { nominal, at, missed }: { nominal: Date; at: Date; missed: boolean },
): Entry {
  return {
    schedule,
    decision: {
      nominal: nominal.getTime(),
      at: at.getTime(),
      dst: null,
      outcome: missed ? "caught up" : "fired",
      reason: "it waited until the run before it had ended",
      fires: true,
      missed,
    },
  };
}

function oneLess({ name, next_nominal, next_at, waiting, problem }: ScheduleRow) {
  return { name, next_nominal, next_at, waiting: waiting - 1, problem };
}

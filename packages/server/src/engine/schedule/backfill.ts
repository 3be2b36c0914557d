import { MillraceError, type Occurrence, occurrencesOf } from "@millrace/core";
import { MAX_BACKFILL } from "@millrace/core/api";
import type { Caller } from "../../security/caller.ts";
import { createBackfill, planBackfill } from "../../store/backfills.ts";
import { type Database, type Transaction, inTransaction } from "../../store/database.ts";
import { occurrencesBetween } from "../../store/occurrences.ts";
import type { ScheduleRow } from "../../store/schedules.ts";
import type { Queryable } from "../../store/statement.ts";
import { asCaller } from "../as-caller.ts";
import { lockedSchedule } from "./schedules.ts";

/** A range of a schedule whose occurrences are to be made up for: `from` is part of it, `until` is not. */
export interface BackfillRange {
  from: Date;
  until: Date;
}

/** An occurrence in the range, and what the ledger says of it. */
export interface BackfillItem {
  occurrence: Occurrence;
  /** Null for one that would get a run; else why it would not. */
  left: string | null;
}

/**
 * What a backfill would do; nothing is written.
 *
 * @throws MillraceError `schedule_not_found`; `invalid_request` for a range that is not over, or too long
 */
export function previewBackfill(
  db: Database,
  name: string,
  range: BackfillRange,
): Promise<BackfillItem[]> {
  return inTransaction(db, async (tx) => itemsOf(tx, await lockedSchedule(tx, name), range));
}

/**
 * Plans a run for each occurrence of the range that never got one, as an operation that goes on by itself. Blackouts are
 * left out; the overlap policy is not asked.
 *
 * @returns the operation's id
 * @throws MillraceError `forbidden`; as {@link previewBackfill}; `invalid_request` when there is nothing to do
 */
export function beginBackfill(
  db: Database | Transaction,
  caller: Caller,
  name: string,
  range: BackfillRange,
  rate: number,
): Promise<number> {
  return asCaller(db, caller, "operate", { schedule: name }, async (tx, tell) => {
    const schedule = await lockedSchedule(tx, name);
    const items = await itemsOf(tx, schedule, range);
    const planned = items.filter(({ left }) => left === null);
    if (planned.length === 0) {
      throw new MillraceError(
        "invalid_request",
        `schedule ${name} has nothing to make up for in that range; a dry run shows why`,
      );
    }
    const { from, until } = range;
    const filter = { schedule: name, from: from.toISOString(), until: until.toISOString() };
    const [row] = await createBackfill(
      tx,
      JSON.stringify(filter),
      rate,
      planned.length,
      caller.name,
      schedule.job,
    );
    const rows = planned.map(({ occurrence: { nominal, dst } }) => ({
      schedule: name,
      nominal: new Date(nominal).toISOString(),
      dst,
    }));
    await planBackfill(tx, row!.id, JSON.stringify(rows));
    const told = { operation: row!.id, ...filter, runs: planned.length, rate };
    tell("schedule.backfilled", `schedule:${name}`, { after: told });
    return row!.id;
  });
}

async function itemsOf(
  tx: Queryable,
  schedule: ScheduleRow,
  { from, until }: BackfillRange,
): Promise<BackfillItem[]> {
  if (until > schedule.now || from >= until) {
    throw new MillraceError(
      "invalid_request",
      "until: it must be after from, and not after now; what is to come fires by itself",
      { pointer: "/until" },
    );
  }
  const next = occurrencesOf(schedule.rule, schedule.name);
  const found: Occurrence[] = [];
  for (let after = from.getTime() - 1; ;) {
    const occurrence = next(after);
    if (!occurrence || occurrence.nominal >= until.getTime()) break;
    found.push(occurrence);
    after = occurrence.nominal;
    if (found.length > MAX_BACKFILL) {
      throw new MillraceError(
        "invalid_request",
        `more than ${MAX_BACKFILL} occurrences lie in that range; do it in parts`,
        { pointer: "/from" },
      );
    }
  }
  const known = await occurrencesBetween(tx, schedule.name, from, until);
  const inLedger = new Map(known.map((row) => [row.nominal.getTime(), row]));
  return found.map((occurrence) => {
    const row = inLedger.get(occurrence.nominal);
    if (row?.run_id) return { occurrence, left: `it has run ${row.run_id}` };
    if (row?.outcome === "planned") return { occurrence, left: "it is planned" };
    if (occurrence.blackout !== null) return { occurrence, left: occurrence.blackout };
    // The next one to fire is not in the ledger, but due already.
    const due = schedule.next_nominal?.getTime() ?? Infinity;
    return { occurrence, left: occurrence.nominal >= due ? "it is due now" : null };
  });
}

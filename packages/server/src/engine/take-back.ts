import { type Failure, fingerprintOf } from "@millrace/core";
import { isUnavailable } from "../store/database.ts";
import { type TakenBackRow, listLost, splitLost, takeBack, takeBackOne } from "../store/reap.ts";
import type { Queryable } from "../store/statement.ts";
import { MAX_CRASHES, MAX_LOST_APART, MIN_PROVEN } from "./poison.ts";

/** What the statement writes of a run whose workers died too often. */
export const WORKER_LOST: Failure = {
  class: "WorkerLost",
  message: "its worker died 3 times while it ran, the last time while nothing else did",
  stack: null,
};

/** As both statements take it. */
const JUDGING = [MAX_CRASHES, MIN_PROVEN, MAX_LOST_APART, fingerprintOf(WORKER_LOST)] as const;

/**
 * Takes back up to a hundred leases of workers that were declared lost.
 *
 * @returns their runs; none when there are no such leases, or others are taking them back
 */
export function takeBackLost(db: Queryable): Promise<TakenBackRow[]> {
  return takeBack(db, ...JUDGING);
}

/** A run that the database refuses to take back. */
export interface RefusedRun {
  runId: string;
  error: unknown;
}

/**
 * The same one lease after the other, and where that is refused, one run after the other: what is wrong with one run must not keep all
 * others from being taken back. It stays in its lease.
 *
 * @throws what says that the database is away
 */
export async function takeBackApart(
  db: Queryable,
): Promise<{ runs: TakenBackRow[]; refused: RefusedRun[] }> {
  const runs: TakenBackRow[] = [];
  const refused: RefusedRun[] = [];
  /** @returns what was in the way */
  const attempt = async (lease: number): Promise<{ error: unknown } | undefined> => {
    try {
      runs.push(...(await takeBackOne(db, ...JUDGING, lease)));
      return undefined;
    } catch (error) {
      if (isUnavailable(error)) throw error;
      return { error };
    }
  };
  for (const { id, run_ids: held } of await listLost(db)) {
    const failed = await attempt(id);
    if (!failed) continue;
    if (held.length === 1) refused.push({ runId: held[0]!, error: failed.error });
    const parts = held.length === 1 ? [] : await splitLost(db, id);
    for (const { id: part, run_id: runId } of parts) {
      const again = await attempt(part);
      if (again) refused.push({ runId, error: again.error });
    }
  }
  return { runs, refused };
}

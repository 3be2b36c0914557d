import type { Queryable } from "../../store/statement.ts";
import { watchStarts } from "../../store/occurrences.ts";

/** Occurrences that one statement looks at. */
const BATCH = 500;

export interface Watched {
  /** Those whose run has not started in time. */
  late: { schedule: string; nominal: Date; runId: string | null; why: string }[];
  more: boolean;
}

/** Finds the occurrences whose run has not started within its grace, each once, and leaves an alert with them. */
export async function watchForStarts(db: Queryable): Promise<Watched> {
  const rows = await watchStarts(db, BATCH);
  return {
    late: rows.flatMap(({ schedule, nominal, run_id: runId, alert }) =>
      alert === null ? [] : [{ schedule, nominal, runId, why: alert }],
    ),
    more: rows.length === BATCH,
  };
}

import { MillraceError } from "@millrace/core";
import { groupBy } from "../../runtime/group-by.ts";
import { type Database, withinTime } from "../../store/database.ts";
import { type EndedRow, readEnded } from "../../store/job-times.ts";

/** So many of its newest runs tell how a job does; it is looked at so many runs of all jobs at a time (27 ms), and for no longer than this. */
const MOST_RUNS = 1000;
const WINDOW = 20_000;
const LOOK_MS = 500;

const NEWEST = "ffffffff-ffff-ffff-ffff-ffffffffffff";

export interface Spread {
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
}

export interface VersionTimes {
  /** Null where nobody has said. */
  version: string | null;
  /** Completed or failed. */
  ended: number;
  completed: number;
  /** Of those that completed; null for none. */
  took: Spread | null;
}

export interface JobTimes extends Omit<VersionTimes, "version"> {
  /** When the oldest of them was accepted; null for none. */
  since: Date | null;
  /** Newest first. */
  versions: VersionTimes[];
  /** Whether older runs were left out: it had looked at enough, or for long enough. */
  more: boolean;
}

/** How the newest runs of a job ended, and how long they took, by version: of as many as the time allows, however long the history is. */
export async function readJobTimes(db: Database, job: string): Promise<JobTimes> {
  const found: EndedRow[] = [];
  let more = true;
  await withinTime(db, LOOK_MS, async (tx, leftMs) => {
    for (let below = NEWEST; found.length < MOST_RUNS && leftMs() > 0;) {
      const rows = await readEnded(tx, job, below, WINDOW, MOST_RUNS - found.length);
      found.push(...rows.filter(({ id }) => id !== null));
      const end = rows[0]?.window_end ?? null;
      more = end !== null;
      if (end === null) return;
      below = end;
    }
  }).catch((error: unknown) => {
    // What it has seen by then is told.
    if (!(error instanceof MillraceError && error.code === "took_too_long")) throw error;
  });
  return { ...timesOf(found), more: more || found.length === MOST_RUNS };
}

/** @param ended newest first */
export function timesOf(ended: readonly EndedRow[]): Omit<JobTimes, "more"> {
  const byVersion = groupBy(ended, ({ version }) => JSON.stringify(version));
  return {
    ...summed(ended),
    since: ended.at(-1)?.accepted_at ?? null,
    versions: [...byVersion.values()].map((rows) => ({
      version: rows[0]!.version,
      ...summed(rows),
    })),
  };
}

function summed(rows: readonly EndedRow[]): Omit<VersionTimes, "version"> {
  const completed = rows.filter(({ state }) => state === "completed");
  const took = completed.map(({ took_ms: ms }) => Math.max(0, ms)).toSorted((a, b) => a - b);
  return { ended: rows.length, completed: completed.length, took: spreadOf(took) };
}

/** @param took shortest first */
function spreadOf(took: readonly number[]): Spread | null {
  if (took.length === 0) return null;
  const at = (share: number) => Math.round(took[Math.max(0, Math.ceil(took.length * share) - 1)]!);
  return { p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
}

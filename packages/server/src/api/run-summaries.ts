import type { RunSummary } from "@millrace/core/api";
import { openRows } from "../engine/subjects/open-content.ts";
import { readHeld } from "../store/held.ts";
import { pausedQueues } from "../store/queues.ts";
import type { RunRow } from "../store/runs.ts";
import type { Queryable } from "../store/statement.ts";
import type { Holds } from "./present/reason.ts";
import { presentSummary } from "./present/run.ts";
import type { Context } from "./route.ts";

/** Rows of runs as lists show them. */
export async function summaries(
  { db, subjects }: Pick<Context, "db" | "subjects">,
  rows: readonly RunRow[],
): Promise<RunSummary[]> {
  const runs = await openRows(subjects, rows);
  const holds = await readHolds(db, runs);
  const now = new Date();
  return runs.map((run) => presentSummary(run, holds, now));
}

/** Two statements for the runs of a page that wait, and none when none does. */
export async function readHolds(db: Queryable, runs: readonly RunRow[]): Promise<Holds> {
  const waiting = runs.filter((run) => run.state === "queued").map((run) => run.id);
  if (waiting.length === 0) return { queues: new Map(), runs: new Map() };
  const [queues, held] = await Promise.all([pausedQueues(db, null), readHeld(db, waiting)]);
  return {
    queues: new Map(queues.map((queue) => [queue.name, queue])),
    runs: new Map(held.map((row) => [row.run_id, row])),
  };
}

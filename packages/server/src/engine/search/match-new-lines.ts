import type { Projects } from "@millrace/core";
import type { Queryable } from "../../store/statement.ts";
import { type RunLineRow, matchLines } from "../../store/search-lines.ts";
import { openRows } from "../subjects/open-content.ts";
import type { Subjects } from "../subjects/subjects.ts";
import { type LineQuery, saysThem } from "./line-query.ts";
import { lookOf } from "./look-through.ts";

/** Lines of a run that are new: between two numbers, both included. */
export interface NewLines {
  readonly run: string;
  readonly first: number;
  readonly last: number;
}

/** Of new lines those that a query matches, in the order of {@link inOrder}. What is asked of runs is asked of them as they are now. */
export async function matchNewLines(
  { db, subjects }: { db: Queryable; subjects: Subjects },
  query: LineQuery,
  projects: Projects,
  all: readonly NewLines[],
): Promise<RunLineRow[]> {
  // Ages are bounds of ids.
  const look = lookOf({ query: query.runs, projects, now: new Date() });
  const asked = all.filter(({ run }) => run < look.below && run >= look.least);
  if (asked.length === 0) return [];
  const rows = await matchLines(
    db,
    asked.map(({ run }) => run),
    asked.map(({ first }) => first),
    asked.map(({ last }) => last),
    ...([query.levels, projects, JSON.stringify(look.sought)] as const),
  );
  return inOrder((await openRows(subjects, rows)).filter((line) => saysThem(line, query)));
}

/** By time, but those of one run as it said them, whatever the clocks of its workers say. @param lines by run and number, upwards */
export function inOrder<Line extends { run_id: string; at: Date }>(lines: readonly Line[]): Line[] {
  const latest = new Map<string, number>();
  const timed = lines.map((line) => {
    const at = Math.max(line.at.getTime(), latest.get(line.run_id) ?? -Infinity);
    latest.set(line.run_id, at);
    return { line, at };
  });
  // It is stable: lines of one run stay as they are.
  return timed.toSorted((a, b) => a.at - b.at).map(({ line }) => line);
}

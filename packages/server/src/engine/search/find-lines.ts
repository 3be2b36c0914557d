import type { Projects } from "@millrace/core";
import { LOG_WINDOW } from "@millrace/core/api";
import type { Database } from "../../store/database.ts";
import { withinTime } from "../../store/database.ts";
import { type SnapshotRow, readSnapshot } from "../../store/log-notes.ts";
import { type RunLineRow, searchLines } from "../../store/search-lines.ts";
import type { Subjects } from "../subjects/subjects.ts";
import { openRows } from "../subjects/open-content.ts";
import { type LineQuery, saysThem } from "./line-query.ts";
import { LOOK_MS, lookOf, lookThrough } from "./look-through.ts";
import { planOf } from "./plan-look.ts";

export interface AskedOfLines {
  readonly query: LineQuery;
  /** Where the page before ended: below which run, or within one, before which of its lines. */
  readonly cursor: { readonly run: string; readonly before: number | null } | undefined;
  readonly projects: Projects;
  readonly now: Date;
}

export interface FoundLines {
  /** The newest run first, and of each run its last line. */
  readonly lines: RunLineRow[];
  readonly next: AskedOfLines["cursor"];
  /** Whether there is nothing more. */
  readonly ended: boolean;
  /** From where on nothing is told that is said later. */
  readonly from: SnapshotRow;
}

/**
 * The last lines that a query matches: those of the newest runs that match, until there are enough of them, or two seconds are over.
 *
 * @throws as `findRuns`
 */
export function findLines(
  { db, subjects }: { db: Database; subjects: Subjects },
  { query, cursor, projects, now }: AskedOfLines,
  limit: number,
): Promise<FoundLines> {
  const whole = cursor === undefined ? undefined : startOf(cursor);
  const look = lookOf({ query: query.runs, cursor: whole, projects, now });
  const lines: RunLineRow[] = [];
  /** The run of which only a part was seen. */
  let part = cursor?.before === null ? undefined : cursor;
  return withinTime(db, LOOK_MS, async (tx, leftMs) => {
    // First, so that nothing is said between the two that neither of them has.
    const [from] = await readSnapshot(tx);
    const { parts } = await planOf(tx, look);
    const through = await lookThrough(parts, leftMs, async (place, below, window) => {
      const { source, least } = place;
      const sought = JSON.stringify(place.sought);
      const most = searchesTexts(query) ? LOG_WINDOW : limit - lines.length;
      const rows = await searchLines[source](
        ...([tx, below, least, window, most, projects, sought, query.levels] as const),
        ...([part?.run ?? null, part?.before ?? null] as const),
      );
      const [{ looked, window_end: end }] = rows as [
        RunLineRow & { looked: number; window_end: string | null },
      ];
      const said = rows.filter((row) => (row.run_id as string | null) !== null);
      const opened = await openRows(subjects, said);
      lines.push(...opened.filter((line) => saysThem(line, query)).slice(0, limit - lines.length));
      const last = (lines.length === limit ? lines : said).at(-1);
      const inMiddle = lines.length === limit || said.length === most;
      part = inMiddle && last ? { run: last.run_id, before: last.seq } : undefined;
      return { looked, end: part ? startOf(part) : end, share: lines.length / limit };
    });
    const next = through.next === null ? undefined : (part ?? { run: through.next, before: null });
    return { lines, next, ended: through.ended, from: from! };
  });
}

function searchesTexts({ texts, notTexts }: LineQuery): boolean {
  return texts.length > 0 || notTexts.length > 0;
}

/** Below which id runs are looked at: that one among them, when only a part of it was seen. */
function startOf({ run, before }: NonNullable<AskedOfLines["cursor"]>): string {
  if (before === null) return run;
  const next = (BigInt(`0x${run.replaceAll("-", "")}`) + 1n).toString(16).padStart(32, "0");
  // Above the largest there is nothing, and no run has it.
  if (next.length > 32) return run;
  return next.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

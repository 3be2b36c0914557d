import {
  FINAL_STATES,
  MillraceError,
  type Projects,
  RUN_STATES,
  type RunQuery,
  parseQuery,
} from "@millrace/core";
import { type Database, isCutOff, tookTooLong, withinTime } from "../../store/database.ts";
import type { RunRow } from "../../store/runs.ts";
import { countRuns, estimateRuns, pickRuns, searchRuns } from "../../store/search.ts";
import type { Queryable } from "../../store/statement.ts";
import { type FieldIndex, type Look, type Part, planOf } from "./plan-look.ts";
import { type Search, soughtOf } from "./sought-of.ts";

/** A search answers within this time, with what it has found by then. */
export const LOOK_MS = 2000;

/** How many runs the first statement looks at; then twice as many, and so on: the first page comes at once, and a long search needs few of them. */
const FIRST_WINDOW = 1000;
const MAX_WINDOW = 64_000;

/** As long as one window may take, so that a search that is stopped has got somewhere. */
const WINDOW_MS = 200;

/** Larger than any run id, and smaller. */
const NEWEST = "ffffffff-ffff-ffff-ffff-ffffffffffff";
const OLDEST = "00000000-0000-0000-0000-000000000000";

export interface AskedOfRuns {
  readonly query: string | RunQuery;
  /** Accepted at or after, and before. */
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
  /** Where the page before ended. */
  readonly cursor?: string | undefined;
  readonly projects: Projects;
  /** Only dead letters that nobody has handled, or only open runs: what something is to be done to. */
  readonly only?: "dead" | "open";
  /** By which ages are reckoned. */
  readonly now: Date;
}

/** How far a look has come. */
export interface Looked {
  /** Whether there is nothing more in the range. */
  readonly ended: boolean;
  /** Where to look on; null at the end. */
  readonly next: string | null;
  readonly looked: number;
}

export interface FoundRuns extends Looked {
  readonly rows: RunRow[];
  /** About how many runs are in the range; null where nobody can tell cheaply. */
  readonly total: number | null;
  /** Of which field of the input the query asks that is in the index of some jobs; null for none. */
  readonly index: FieldIndex | null;
}

/**
 * Runs that a query matches, newest first: a page of them, or fewer when the time is over, and how far it has come.
 *
 * @throws QuerySyntaxError; MillraceError `took_too_long` when not even the first few could be looked at
 */
export async function findRuns(
  db: Database,
  asked: AskedOfRuns,
  limit: number,
): Promise<FoundRuns> {
  const look = lookOf(asked);
  const rows: RunRow[] = [];
  return withinTime(db, LOOK_MS, async (tx, leftMs) => {
    const total = await totalOf(tx, look, asked);
    const { parts, index } = await planOf(tx, look);
    const through = await lookThrough(parts, leftMs, async (part, below, window) => {
      const missing = limit - rows.length;
      const found = await searchRuns[part.source](tx, ...given(part, below, window, missing));
      const [first] = found;
      // A window in which nothing matches answers one row without a run.
      rows.push(...found.filter((row) => (row.id as string | null) !== null));
      return { looked: first!.looked, end: first!.window_end, share: rows.length / limit };
    });
    const full = rows.length >= limit;
    const last = rows.at(-1)?.id ?? null;
    return { rows, ...through, ...(full && { next: last, ended: false }), total, index };
  });
}

/**
 * How many runs a query matches, counted up to a limit.
 *
 * @throws as {@link findRuns}
 */
export async function countFound(
  db: Database,
  asked: AskedOfRuns,
  most: number,
): Promise<Looked & { count: number }> {
  const look = lookOf(asked);
  let count = 0;
  return withinTime(db, LOOK_MS, async (tx, leftMs) => {
    const { parts } = await planOf(tx, look);
    const through = await lookThrough(parts, leftMs, async (part, below, window) => {
      const [row] = await countRuns[part.source](tx, ...given(part, below, window, most - count));
      count += row!.matches;
      return { looked: row!.looked, end: row!.window_end, share: count / most };
    });
    return { ...through, count };
  });
}

/**
 * The ids of all runs that a query matches, up to a limit; it takes the time that it takes, a window after the other.
 *
 * @param tx in which what comes of them is done as well
 */
export async function pickAll(tx: Queryable, asked: AskedOfRuns, most: number): Promise<string[]> {
  const { parts } = await planOf(tx, lookOf(asked));
  const ids: string[] = [];
  await lookThrough(
    parts,
    () => Infinity,
    async (part, below, window) => {
      const [row] = await pickRuns[part.source](
        tx,
        ...given(part, below, window, most - ids.length),
      );
      ids.push(...row!.ids);
      return { looked: row!.looked, end: row!.window_end, share: ids.length / most };
    },
  );
  return ids;
}

const isOver = (state: string) =>
  state === "dead" || (FINAL_STATES as readonly string[]).includes(state);

const OPEN = RUN_STATES.filter((state) => !isOver(state));

/** What a query finds among dead letters, or open runs. */
function onlySuch(search: Search, only: AskedOfRuns["only"]): Search {
  if (only === undefined) return search;
  const { sought } = search;
  if (only === "open") {
    // Said of each run as well: one that is found by its mark may have ended.
    const states = sought.states?.filter((state) => !isOver(state)) ?? OPEN;
    return { ...search, source: "open", sought: { ...sought, states } };
  }
  const other = sought.states?.find((state) => state !== "failed" && state !== "dead");
  if (other !== undefined) {
    throw new MillraceError(
      "invalid_request",
      `only failed runs that nobody has handled can be chosen for this, and the query asks for those that are ${other}`,
      { pointer: "/query" },
    );
  }
  return { ...search, source: "failed", sought: { ...sought, states: ["dead"] } };
}

/** @throws QuerySyntaxError */
export function lookOf({ query, since, until, cursor, projects, only, now }: AskedOfRuns): Look {
  const { source, sought, fields, after, before } = onlySuch(soughtOf(read(query), now), only);
  const first = latest(since, after);
  const last = earliest(until, before);
  const end = last ? floorId(last) : NEWEST;
  return {
    ...{ source, sought, fields, projects },
    below: cursor !== undefined && cursor < end ? cursor : end,
    least: first ? floorId(first) : OLDEST,
  };
}

const given = (
  { least, projects, sought }: Part,
  below: string,
  window: number,
  limit: number,
): [string, string, number, number, Projects, string] => [
  below,
  least,
  window,
  limit,
  projects,
  JSON.stringify(sought),
];

/** A little more than what should be enough, so that it mostly is. */
const SPARE = 1.25;

/**
 * Window after window of part after part, until the page is full, the range has ended or the time is over.
 *
 * @param lookAt answers how many runs the window had, where the next begins, and which share of what is wanted has been found by then, all windows together
 */
export async function lookThrough(
  parts: readonly Part[],
  leftMs: () => number,
  lookAt: (
    part: Part,
    below: string,
    window: number,
  ) => Promise<{ looked: number; end: string | null; share: number }>,
): Promise<Looked> {
  let looked = 0;
  for (const [n, part] of parts.entries()) {
    const rest = parts[n + 1]?.below ?? null;
    // Nobody could go on from where they are.
    const gotNowhere = () => looked === 0 && n === 0;
    let { below } = part;
    let [next, pace] = [FIRST_WINDOW, FIRST_WINDOW];
    let hasGuessed = false;
    for (;;) {
      const window = next;
      const left = leftMs();
      if (left <= 0) {
        if (gotNowhere()) throw tookTooLong();
        return { ended: false, next: below, looked };
      }
      const startedAt = performance.now();
      let share: number;
      try {
        const seen = await lookAt(part, below, window);
        looked += seen.looked;
        share = seen.share;
        const further = seen.end ?? rest;
        if (share >= 1 || further === null)
          return { ended: further === null, next: further, looked };
        if (seen.end === null) break;
        below = seen.end;
      } catch (error) {
        // What it got to know of the last window is lost, and what it found before is not.
        if (!isCutOff(error) || gotNowhere()) throw error;
        return { ended: false, next: below, looked };
      }
      const tookMs = performance.now() - startedAt;
      if (tookMs < WINDOW_MS / 2) pace = Math.min(MAX_WINDOW, pace * 2);
      else if (tookMs > WINDOW_MS) pace = Math.max(FIRST_WINDOW / 4, Math.floor(pace / 2));
      // Nobody waits for a look at twice as many when a few more should have what is missing. Once: what lies close together tells nothing of the rest.
      const enough = Math.ceil(((SPARE * looked) / share) * (1 - share));
      const guesses: boolean = !hasGuessed && enough < pace;
      hasGuessed ||= guesses;
      next = guesses ? Math.max(FIRST_WINDOW / 4, enough) : pace;
    }
  }
  return { ended: true, next: null, looked };
}

/** Only of all runs, and only to who may know of all: dead letters and open runs are few, and their number is told by what was looked at. */
async function totalOf(
  tx: Queryable,
  { source }: Look,
  asked: AskedOfRuns,
): Promise<number | null> {
  if (source !== "all" || asked.projects !== null) return null;
  const { after, before } = soughtOf(read(asked.query), asked.now);
  const until = earliest(earliest(asked.until, before) ?? undefined, asked.now) ?? asked.now;
  const [row] = await estimateRuns(tx, latest(asked.since, after), until);
  return Math.round(row!.runs);
}

function read(query: string | RunQuery): RunQuery {
  return typeof query === "string" ? parseQuery(query) : query;
}

function latest(a: Date | undefined, b: Date | null): Date | null {
  if (a === undefined || b === null) return a ?? b;
  return a > b ? a : b;
}

function earliest(a: Date | undefined, b: Date | null): Date | null {
  if (a === undefined || b === null) return a ?? b;
  return a < b ? a : b;
}

/** The least id that a run of an instant may have: ids hold Unix time in 48 bits, so there is none before 1970 or after 10889. */
function floorId(at: Date): string {
  const ms = Math.min(Math.max(0, at.getTime()), 2 ** 48 - 1);
  const hex = ms.toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

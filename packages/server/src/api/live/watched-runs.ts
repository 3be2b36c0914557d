import { type Projects, isFinal } from "@millrace/core";
import type { RunSummary } from "@millrace/core/api";
import type { Subjects } from "../../engine/subjects/subjects.ts";
import { openRows } from "../../engine/subjects/open-content.ts";
import { readWatched, tookMs } from "../../store/live.ts";
import type { RunRow } from "../../store/runs.ts";
import type { Queryable } from "../../store/statement.ts";
import { presentSummary } from "../present/run.ts";
import { readHolds } from "../run-summaries.ts";

/** More are not looked at in one tick: each costs some 20 µs. They take turns, those first of which nothing was told yet. */
const MAX_LOOKED = 5000;

export interface LookCost {
  statements: number;
  /** By the clock of the database, in milliseconds. */
  tookMs: number;
}

interface Watched {
  /** How many watch it. */
  watchers: number;
  /** Undefined before the first look; null when it is not there. */
  row: string | null | undefined;
  summary: RunSummary | undefined;
  project: string | null;
  /** The tick at which it was seen to have changed. */
  changedAt: number;
  /** The tick at which it was seen to have come, gone, or moved to another project. */
  placedAt: number;
  /** It never changes any more. */
  ended: boolean;
}

/** The runs that somebody has on a screen, as they were seen last. Those that have ended are not looked at again. */
export class WatchedRuns {
  readonly #runs = new Map<string, Watched>();

  add(ids: readonly string[]): void {
    for (const id of ids) {
      const watched = this.#runs.get(id);
      if (watched) watched.watchers++;
      else {
        const fresh = {
          row: undefined,
          summary: undefined,
          project: null,
          changedAt: 0,
          placedAt: 0,
        };
        this.#runs.set(id, { ...fresh, watchers: 1, ended: false });
      }
    }
  }

  remove(ids: readonly string[]): void {
    for (const id of ids) {
      const watched = this.#runs.get(id);
      if (!watched) continue;
      watched.watchers--;
      if (watched.watchers === 0) this.#runs.delete(id);
    }
  }

  /** Looks at those that may have changed. @returns what that cost */
  async look(db: Queryable, subjects: Subjects, tick: number): Promise<LookCost> {
    const open = this.#nextOpen();
    if (open.length === 0) return { statements: 0, tookMs: 0 };
    const ids = open.map(([id]) => id);
    const looked = await readWatched(db, ids);
    const cost = { statements: 1, tookMs: tookMs(looked) };
    const rows = looked.map(({ took_ms: _took, ...row }) => row);
    const found = new Set(rows.map(({ id }) => id));
    for (const [id, watched] of open) {
      if (found.has(id) || watched.row === null) continue;
      const gone = { row: null, summary: undefined, changedAt: tick, placedAt: tick };
      Object.assign(watched, { ...gone, ended: true });
    }
    const changed = rows.filter((row) => this.#isNews(row, tick));
    if (changed.length === 0) return cost;
    const readable = await openRows(subjects, changed);
    const holds = await readHolds(db, readable);
    const now = new Date();
    for (const { project: _project, ...row } of readable) {
      const watched = this.#runs.get(row.id);
      if (watched) watched.summary = presentSummary(row, holds, now);
    }
    return holds.queues.size + holds.runs.size > 0 ? { ...cost, statements: 3 } : cost;
  }

  /** Those whose turn it is. They go behind the others, so that none waits for ever. */
  #nextOpen(): [id: string, watched: Watched][] {
    const open = [...this.#runs].filter(([, { ended }]) => !ended);
    if (open.length <= MAX_LOOKED) return open;
    const unseen = open.filter(([, { row }]) => row === undefined);
    const seen = open.filter(([, { row }]) => row !== undefined);
    const next = [...unseen, ...seen].slice(0, MAX_LOOKED);
    for (const [id, watched] of next) {
      this.#runs.delete(id);
      this.#runs.set(id, watched);
    }
    return next;
  }

  /** Of these runs what has changed since a tick, for who may see runs of some projects; and which of them are not there for them. */
  since(
    tick: number,
    ids: readonly string[],
    projects: Projects,
  ): { runs: RunSummary[]; gone: string[] } {
    const runs: RunSummary[] = [];
    const gone: string[] = [];
    for (const id of ids) {
      const watched = this.#runs.get(id);
      if (!watched || watched.row === undefined || watched.changedAt <= tick) continue;
      const theirs = projects === null || projects.includes(watched.project ?? "");
      if (watched.summary && theirs) runs.push(watched.summary);
      // Once: that somebody else's run changes is theirs to know.
      else if (watched.placedAt > tick) gone.push(id);
    }
    return { runs, gone };
  }

  #isNews(row: RunRow & { project: string | null }, tick: number): boolean {
    const watched = this.#runs.get(row.id);
    if (!watched) return false;
    const text = JSON.stringify(row);
    if (watched.row === text) return false;
    const { project } = row;
    if (watched.row === undefined || watched.project !== project) watched.placedAt = tick;
    Object.assign(watched, { row: text, project, changedAt: tick, ended: isFinal(row.state) });
    return true;
  }
}

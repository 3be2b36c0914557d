import { setTimeout as pause } from "node:timers/promises";
import {
  HISTORY_TABLES,
  type HistoryTable,
  type PartitionRow,
  listPartitions,
} from "../store/partitions.ts";
import {
  type LookRow,
  WORKERS_KEPT_MS,
  type WindowRow,
  countRunsBetween,
  eraseFromWindow,
  forgetHandled,
  forgetKeys,
  forgetLooks,
  forgetWorkers,
  lookAtWindow,
  readLooks,
  rememberLook,
} from "../store/prune.ts";
import { listJobs } from "../store/jobs.ts";
import type { Queryable } from "../store/statement.ts";
import { vacuum } from "../store/vacuum.ts";
import { type Retired, retire } from "./retire.ts";
import { type Cutoffs, type Retention, cutoffs, horizon } from "./retention.ts";
import { type Part, firstId, partsOf } from "./history-parts.ts";
import { pruneLogs } from "./prune-logs.ts";
import { pruneOperations } from "./prune-operations.ts";

/** Runs that one statement looks at or erases: some tens of milliseconds, a short snapshot. */
const WINDOW = 5000;

/** When no more than this is left of a partition whose time is over, it moves, and the partition goes. */
const FEW_RUNS = 500;

/** A part that was looked at is left alone for so long: a look reads it all. */
const LOOK_EVERY_MS = 6 * 3_600_000;

export interface PruneOptions {
  /** By the database's clock. */
  now: Date;
  /** Of jobs that say nothing; Infinity keeps for ever. */
  retentionMs: number;
  /** Logs of runs that were accepted so long ago go, if their runs stay for longer. Default: with their runs. */
  logRetentionMs?: number | undefined;
  /** Only say what would be done. */
  dryRun?: boolean;
  /** Also look at what was looked at a short time ago. */
  everything?: boolean;
  /** Ends it after the statement that is under way. */
  signal?: AbortSignal;
}

/** What was done, or with dryRun, what would be. */
export interface Pruned {
  dropped: { table: HistoryTable; name: string; bytes: number }[];
  /** Runs that were erased one by one. */
  runs: number;
  /** Idempotency keys that went with their runs. */
  keys: number;
  workers: number;
  /** Operations that had ended, with their members. */
  operations: number;
  /** Partitions that could not go yet because of somebody who holds the table. */
  postponed: { name: string; by: string }[];
  /** What is left of parts whose time has come for some of their runs, and why. */
  kept: LookRow[];
}

/**
 * Takes away the history whose retention is over. Partitions go whole where nothing in them has to stay; else the runs
 * that must not wait are erased, some thousands at a time, and what is left moves out when it is little.
 *
 * What stays, whatever its age: runs that have not ended, dead letters that nobody has handled, and runs from which a rerun
 * was made that stays. Operations go by their own end.
 *
 * @param db one connection, for one pruner at a time
 */
export async function prune(db: Queryable, options: PruneOptions): Promise<Pruned> {
  const { now, dryRun = false, signal } = options;
  const retention: Retention = { defaultMs: options.retentionMs, jobs: await listJobs(db, null) };
  const done: Pruned = {
    dropped: [],
    runs: 0,
    keys: 0,
    workers: 0,
    operations: 0,
    postponed: [],
    kept: [],
  };
  const oldest = horizon(retention, now);
  if (oldest) {
    const sweep = new Sweep(db, options, retention, oldest, done);
    const partitions = await listPartitions(db);
    const parts = partsOf(partitions, oldest);
    const looks = options.everything ? [] : await readLooks(db);
    for (const part of parts) {
      if (signal?.aborted) return done;
      const last = looks.find((look) => look.from_at.getTime() === part.from.getTime());
      if (last && now.getTime() - last.looked_at.getTime() < LOOK_EVERY_MS) continue;
      await sweep.part(part, partitions);
    }
    await sweep.companions();
    if (!dryRun) {
      await forgetLooks(
        db,
        parts.map((part) => part.from),
        parts.map((part) => part.to),
      );
    }
  }
  await pruneLogs(db, options, done);
  done.operations = await pruneOperations(db, options);
  if (!dryRun) {
    done.workers = (await forgetWorkers(db, new Date(now.getTime() - WORKERS_KEPT_MS))).length;
  }
  return done;
}

/** One pass over the history. */
class Sweep {
  readonly #db: Queryable;
  readonly #options: PruneOptions;
  readonly #retention: Retention;
  readonly #horizon: Date;
  readonly #done: Pruned;
  readonly #holders = new Map<HistoryTable, string>();

  constructor(
    db: Queryable,
    options: PruneOptions,
    retention: Retention,
    oldest: Date,
    done: Pruned,
  ) {
    this.#db = db;
    this.#options = options;
    this.#retention = retention;
    this.#horizon = oldest;
    this.#done = done;
  }

  async part(part: Part, partitions: readonly PartitionRow[]): Promise<void> {
    const { now, dryRun = false, retentionMs } = this.#options;
    // What is in a default partition has none that could take it along.
    const widthMs = part.name === undefined ? 0 : part.to.getTime() - part.from.getTime();
    const cut = cutoffs(this.#retention, now, widthMs);
    const found = await this.#look(part, cut);
    if (this.#options.signal?.aborted) return;
    let staying = found.open + found.dead + found.rerun + found.young;
    const over = part.to <= this.#horizon;
    let settled = true;
    if (part.name !== undefined && staying === 0 && over) {
      settled = await this.#drop(part, part.name, found.keyed > 0);
    } else {
      if (found.due > 0) await this.#erase(part, cut, found.due, partitions);
      staying = found.runs - found.due;
      const outlived = part.to.getTime() + retentionMs < now.getTime();
      if (part.name !== undefined && outlived && staying <= FEW_RUNS && !dryRun) {
        settled = await this.#retire("run", part.name, part.bytes, true);
      }
    }
    // One that could not go is tried again by the next sweep, not hours later.
    const nothing = part.name === undefined && found.runs === 0;
    if (!settled || dryRun || nothing) return this.#note(part, found, staying);
    await rememberLook(
      this.#db,
      part.from,
      part.to,
      now,
      staying,
      found.open,
      found.dead,
      found.rerun,
      found.young,
    );
    this.#note(part, found, staying);
  }

  /** The other tables' partitions go when no run is left in their time, or when what is left has moved out. */
  async companions(): Promise<void> {
    const partitions = await listPartitions(this.#db);
    const runs = partitions.filter(({ parent }) => parent === "run");
    for (const { parent, name, from_at: from, to_at: to, bytes } of partitions) {
      if (parent === "run" || to > this.#horizon || this.#options.signal?.aborted) continue;
      const covered = runs.some((run) => run.from_at < to && run.to_at > from);
      const gone = this.#done.dropped.some((drop) => drop.name === name);
      if (covered || gone) continue;
      const [left] = await countRunsBetween(this.#db, firstId(from), firstId(to), FEW_RUNS + 1);
      if (!left || left.runs > FEW_RUNS) continue;
      if (this.#options.dryRun) this.#done.dropped.push({ table: parent, name, bytes });
      else await this.#retire(parent, name, bytes, left.runs > 0);
    }
  }

  async #look(part: Part, cut: Cutoffs): Promise<WindowRow> {
    const sum = { runs: 0, open: 0, dead: 0, rerun: 0, young: 0, expired: 0, due: 0, keyed: 0 };
    let last: string | null = null;
    await this.#windows(part, async (after, below) => {
      const [row] = await lookAtWindow(this.#db, after, below, WINDOW, ...columns(cut));
      if (!row) return null;
      for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += row[key];
      last = row.last ?? last;
      return row.last;
    });
    return { ...sum, last };
  }

  async #erase(
    part: Part,
    cut: Cutoffs,
    due: number,
    partitions: readonly PartitionRow[],
  ): Promise<void> {
    if (this.#options.dryRun) {
      this.#done.runs += due;
      return;
    }
    await this.#windows(part, async (after, below) => {
      const [row] = await eraseFromWindow(this.#db, after, below, WINDOW, ...columns(cut));
      this.#done.runs += row?.runs ?? 0;
      this.#done.keys += row?.keys ?? 0;
      return row?.last ?? null;
    });
    // What was erased is to be gone, not only out of sight.
    const touched =
      part.name === undefined
        ? HISTORY_TABLES.map((table) => `${table}_default`)
        : partitions
            .filter((other) => other.from_at < part.to && other.to_at > part.from)
            .map((other) => other.name);
    for (const name of touched) {
      if (this.#options.signal?.aborted) return;
      await vacuum(this.#db, name);
    }
  }

  /** @returns whether it is gone */
  async #drop(part: Part, name: string, keyed: boolean): Promise<boolean> {
    if (this.#options.dryRun) {
      this.#done.dropped.push({ table: "run", name, bytes: part.bytes });
      return true;
    }
    if (keyed) {
      await this.#windows(part, async (after, below) => {
        const [row] = await forgetKeys(this.#db, after, below, WINDOW);
        this.#done.keys += row?.keys ?? 0;
        return row?.last ?? null;
      });
    }
    await this.#windows(part, async (after, below) => {
      const [row] = await forgetHandled(this.#db, after, below, WINDOW);
      return row?.rows ? after : null;
    });
    if (this.#options.signal?.aborted) return false;
    return this.#retire("run", name, part.bytes, false);
  }

  async #retire(
    table: HistoryTable,
    name: string,
    bytes: number,
    rehome: boolean,
  ): Promise<boolean> {
    // Whoever was in the way of one partition is in the way of its siblings.
    const known = this.#holders.get(table);
    const retired: Retired =
      known === undefined
        ? await retire(this.#db, table, name, { rehome })
        : { how: "blocked", by: known };
    if (retired.how === "dropped") this.#done.dropped.push({ table, name, bytes });
    if (retired.how !== "blocked") return true;
    this.#holders.set(table, retired.by);
    this.#done.postponed.push({ name, by: retired.by });
    return false;
  }

  /** Calls `step` with window after window, each beginning after the run that the last one answered, until one answers null. */
  async #windows(
    part: Part,
    step: (after: string, below: string) => Promise<string | null>,
  ): Promise<void> {
    const below = firstId(part.to);
    let after: string | null = firstId(part.from);
    while (after !== null && !this.#options.signal?.aborted) {
      const startedAt = performance.now();
      after = await step(after, below);
      // As long a rest as the work took, so that this never takes more than half of anything.
      if (after !== null) await pause(Math.min(1000, performance.now() - startedAt));
    }
  }

  #note(part: Part, found: WindowRow, staying: number): void {
    if (staying === 0) return;
    const { open, dead, rerun, young } = found;
    const looked_at = this.#options.now;
    this.#done.kept.push({
      from_at: part.from,
      to_at: part.to,
      looked_at,
      runs: staying,
      open,
      dead,
      rerun,
      young,
    });
  }
}

function columns(cut: Cutoffs) {
  return [
    cut.jobs,
    cut.mayGo,
    cut.mustGo,
    cut.otherMayGo,
    cut.otherMustGo,
  ] as const satisfies unknown[];
}

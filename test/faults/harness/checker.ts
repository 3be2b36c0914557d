import type pg from "pg";
import type { HistoryEntry, LedgerEntry } from "./history.ts";
import { type Misplaced, findMisplaced } from "./places.ts";

export interface Report {
  /** Operations that were acknowledged. */
  acknowledged: number;
  /** Acknowledged runs that are not there, or have no outcome. */
  lost: string[];
  /** More outcomes or attempts on record than there can be, each as a sentence. */
  recordedTwice: string[];
  /** Operations that were refused, and yet left a run. */
  acceptedAfterRefusal: string[];
  /** Operations without an answer whose run is there all the same. */
  unknownButPresent: number;
  misplaced: Misplaced[];
  /** How many runs had their handler started so many times. */
  executions: Map<number, number>;
  /**
   * Attempts that were started twice under the same number, each as a sentence. Only a crash of the database may cause
   * that: a claim is not waited for on disk, and one that the crash took away is made again.
   */
  startedTwice: string[];
  /** Attempts that ended as lost. */
  lostAttempts: number;
  /** Runs that became dead letters because their workers died. */
  deadByLoss: number;
  /** Milliseconds from each kill to the start of the next attempt of each run that was lost by it, ascending. */
  recoveriesMs: number[];
}

interface CheckedRun {
  id: string;
  op: string | null;
  state: string | null;
  attempts: number;
  failures: number;
  losses: number;
  rows: number;
  numbers: number;
  highest: number;
  failed: number;
  lost: number;
  cancelled: number;
  letters: number;
}

/** Compares what clients were told, what handlers did and what is on record, once everything has settled. */
export async function check(
  db: pg.Pool,
  history: readonly HistoryEntry[],
  ledger: readonly LedgerEntry[],
): Promise<Report> {
  const runs = await readRuns(db);
  const byId = new Map(runs.map((run) => [run.id, run]));
  const byOp = groupBy(runs, (run) => run.op);
  const acknowledged = history.filter((entry) => entry.event === "ok");
  const present = (event: "fail" | "unknown") =>
    history.flatMap((entry) => (entry.event === event && byOp.has(entry.op) ? [entry.op] : []));
  return {
    acknowledged: acknowledged.length,
    lost: acknowledged.map(({ run }) => run).filter((run) => !byId.get(run)?.state),
    recordedTwice: [...runs.flatMap(contradictions), ...acceptedTwice(byOp)],
    acceptedAfterRefusal: present("fail"),
    unknownButPresent: present("unknown").length,
    misplaced: await findMisplaced(db),
    executions: countExecutions(ledger),
    startedTwice: startedTwice(ledger),
    lostAttempts: runs.reduce((sum, run) => sum + run.lost, 0),
    deadByLoss: runs.filter((run) => run.state === "failed" && run.losses > run.failures).length,
    recoveriesMs: await recoveries(db, history, ledger),
  };
}

/** What the row of a run says, against its attempts and its dead letter. */
function contradictions(run: CheckedRun): string[] {
  const completed = run.state === "completed" ? 1 : 0;
  const failed = run.state === "failed" ? 1 : 0;
  const wrong = [
    run.attempts !== run.rows + completed &&
      `${run.attempts} attempts, but ${run.rows} rows and ${completed} completed`,
    run.numbers !== run.rows && "an attempt number twice",
    run.highest !== run.rows && `${run.rows} attempt rows, the highest number is ${run.highest}`,
    run.failures !== run.failed && `${run.failures} failures, but ${run.failed} failed attempts`,
    run.losses !== run.lost && `${run.losses} losses, but ${run.lost} lost attempts`,
    run.letters !== failed && `${run.state}, with ${run.letters} dead letters`,
    run.cancelled > 0 && run.state !== "cancelled" && `${run.state} after a cancelled attempt`,
  ];
  return wrong.flatMap((what) => (what ? [`run ${run.id}: ${what}`] : []));
}

function acceptedTwice(byOp: Map<string | null, CheckedRun[]>): string[] {
  return [...byOp].flatMap(([op, runs]) =>
    op !== null && runs.length > 1 ? [`operation ${op} made ${runs.length} runs`] : [],
  );
}

async function readRuns(db: pg.Pool): Promise<CheckedRun[]> {
  const { rows } = await db.query<CheckedRun>(`
    select r.id, r.correlation_id as op, r.state::text as state, r.attempts, r.failures, r.losses,
      count(a.number)::int as rows, count(distinct a.number)::int as numbers, coalesce(max(a.number), 0) as highest,
      count(*) filter (where a.outcome = 'failed')::int as failed,
      count(*) filter (where a.outcome = 'lost')::int as lost,
      count(*) filter (where a.outcome = 'cancelled')::int as cancelled,
      (select count(*)::int from millrace.dead_letter d where d.run_id = r.id) as letters
    from millrace.run r left join millrace.attempt a on a.run_id = r.id
    group by r.id`);
  return rows;
}

function countExecutions(ledger: readonly LedgerEntry[]): Map<number, number> {
  const starts = ledger.filter((entry) => entry.event === "start");
  const perRun = [...groupBy(starts, (entry) => entry.run).values()].map((s) => s.length);
  const counts = [...groupBy(perRun, (times) => times)].map(
    ([times, runs]) => [times, runs.length] as const,
  );
  return new Map(counts.sort(([a], [b]) => a - b));
}

function startedTwice(ledger: readonly LedgerEntry[]): string[] {
  const starts = ledger.filter((entry) => entry.event === "start");
  const perAttempt = groupBy(starts, ({ run, attempt }) => `attempt ${attempt} of run ${run}`);
  return [...perAttempt].flatMap(([attempt, times]) =>
    times.length > 1 ? [`${attempt} was started ${times.length} times`] : [],
  );
}

/**
 * From each kill to the next start of a run that it has cut off. A run that is hit again before it has started counts
 * from one kill to the other, and from there anew: no bound can hold across a second kill.
 *
 * A worker's name ends in its process id, which says by which kill an attempt was lost.
 */
async function recoveries(
  db: pg.Pool,
  history: readonly HistoryEntry[],
  ledger: readonly LedgerEntry[],
): Promise<number[]> {
  const killedAt = new Map(
    history.flatMap((entry) => (entry.event === "kill" ? [[entry.pid, entry.at]] : [])),
  );
  const starts = groupBy(
    ledger.filter((entry) => entry.event === "start"),
    (entry) => entry.run,
  );
  const { rows } = await db.query<{
    run: string;
    number: number;
    pid: number;
    next: number | null;
  }>(`
    select a.run_id as run, a.number, split_part(w.name, ':', 2)::int as pid,
      lead(split_part(w.name, ':', 2)::int) over (partition by a.run_id order by a.number) as next
    from millrace.attempt a join millrace.worker w on w.id = a.worker_id where a.outcome = 'lost'`);
  return rows
    .flatMap(({ run, number, pid, next }) => {
      const started = starts.get(run)?.find((start) => start.attempt > number)?.at ?? Infinity;
      const again = Math.min(started, (next === null ? undefined : killedAt.get(next)) ?? Infinity);
      const kill = killedAt.get(pid);
      return Number.isFinite(again) && kill !== undefined ? [again - kill] : [];
    })
    .sort((a, b) => a - b);
}

function groupBy<Item, Key>(items: readonly Item[], key: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}

/** The value below which that share of an ascending list lies. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

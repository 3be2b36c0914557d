import { readFileSync } from "node:fs";
import type { Database } from "millrace";

/** What a piece of work took. */
export interface Measured {
  /** Runs (or rows) per second of wall clock. */
  perSecond: number;
  /** Microseconds of CPU that the database's processes spent per run; null where /proc does not tell. */
  serverCpuUs: number | null;
  /** Bytes of write-ahead log per run. */
  walBytes: number;
}

/** Times `work`, which does `count` runs, with the server's CPU and log beside it. */
export async function measure(
  db: Database,
  count: number,
  work: () => Promise<void>,
): Promise<Measured> {
  const before = await serverState(db);
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1000;
  const after = await serverState(db);
  return {
    perSecond: count / seconds,
    serverCpuUs:
      before.cpuUs === null || after.cpuUs === null ? null : (after.cpuUs - before.cpuUs) / count,
    walBytes: (after.wal - before.wal) / count,
  };
}

async function serverState(db: Database): Promise<{ wal: number; cpuUs: number | null }> {
  const { rows } = await db.query<{ wal: number; pids: number[] }>(
    `select (pg_current_wal_insert_lsn() - '0/0')::float8 as wal,
       (select array_agg(pid) from pg_stat_activity where datname = current_database() or datname is null) as pids`,
  );
  const { wal, pids } = rows[0]!;
  return { wal, cpuUs: cpuOf(pids) };
}

/** User and system time of processes on this machine, from /proc/PID/stat (proc(5): fields 14 and 15, in 10 ms). */
function cpuOf(pids: readonly number[]): number | null {
  try {
    return pids.reduce((sum, pid) => {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return sum + (Number(fields[11]) + Number(fields[12])) * 10_000;
    }, 0);
  } catch {
    return null;
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

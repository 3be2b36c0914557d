import { readFileSync } from "node:fs";

/** A server whose work can be read off: what it has written to its log, and how long its processes have computed. */
export interface Meter {
  read(): Promise<{ logBytes: number; cpuUs: number | null }>;
}

export interface Metered {
  /** Bytes of write-ahead log, or of Redis's append-only file, a run. */
  logBytes: number;
  /** Microseconds that the server's processes have computed, a run; null where /proc does not tell. */
  cpuUs: number | null;
}

/** What `work`, which does `count` runs, costs the server. */
export async function metered<T>(
  meter: Meter,
  count: number,
  work: () => Promise<T>,
): Promise<{ result: T; cost: Metered }> {
  const before = await meter.read();
  const result = await work();
  const after = await meter.read();
  const cpuUs =
    before.cpuUs === null || after.cpuUs === null ? null : (after.cpuUs - before.cpuUs) / count;
  return { result, cost: { logBytes: (after.logBytes - before.logBytes) / count, cpuUs } };
}

/**
 * User and system time of a process, its children, and those of them that have ended, in microseconds, from /proc (proc(5):
 * fields 14 to 17 of stat, in units of 10 ms); null where there is no /proc.
 */
export function cpuOfTree(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const own = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * 10_000;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    if (children === "") return own;
    return children.split(" ").reduce((sum, child) => sum + (cpuOfTree(Number(child)) ?? 0), own);
  } catch {
    return null;
  }
}

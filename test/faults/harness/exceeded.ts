import type { HistoryEntry, LedgerEntry } from "./history.ts";

/** From when to when a handler ran, on the clock of the ledger; `to` is Infinity while it runs. */
export interface Execution {
  run: string;
  pid: number;
  from: number;
  to: number;
}

/** What the handlers noted. One that was to stop, or whose process was killed, runs no longer than to that moment. */
export function executions(
  ledger: readonly LedgerEntry[],
  history: readonly HistoryEntry[],
): Execution[] {
  const killedAt = new Map(
    history.flatMap((entry) => (entry.event === "kill" ? [[entry.pid, entry.at]] : [])),
  );
  const attempt = (entry: LedgerEntry) => `${entry.run} ${entry.attempt}`;
  const endedAt = new Map<string, number>();
  for (const entry of ledger) {
    if (entry.event !== "start" && !endedAt.has(attempt(entry))) {
      endedAt.set(attempt(entry), entry.at);
    }
  }
  return ledger
    .filter(({ event }) => event === "start")
    .map((entry) => ({
      run: entry.run,
      pid: entry.pid,
      from: entry.at,
      to: endedAt.get(attempt(entry)) ?? killedAt.get(entry.pid) ?? Infinity,
    }));
}

/** Where more executions of one group overlap than may, a sentence for each start too many; and the most that did. */
export function exceeded(
  all: readonly Execution[],
  limit: number,
  groupOf: (run: string) => string,
): { faults: string[]; most: number } {
  const faults: string[] = [];
  let most = 0;
  for (const { run, from } of all) {
    const group = groupOf(run);
    const atOnce = all.filter(
      (other) => groupOf(other.run) === group && other.from <= from && from < other.to,
    ).length;
    most = Math.max(most, atOnce);
    if (atOnce > limit) faults.push(`${group} had ${atOnce} running when run ${run} started`);
  }
  return { faults, most };
}

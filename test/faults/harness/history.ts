import { closeSync, openSync, readFileSync, writeSync } from "node:fs";

/**
 * What clients asked for and were told, and what was done to workers. An operation that was invoked ends as:
 * - ok: acknowledged with a run's id.
 * - fail: refused; nothing may have been accepted.
 * - unknown: no answer came; it may have been accepted or not.
 */
export type HistoryEvent =
  | { event: "invoke" | "fail" | "unknown"; op: string }
  | { event: "ok"; op: string; run: string }
  | { event: "kill"; pid: number };

export type HistoryEntry = HistoryEvent & { at: number };

/** What handlers did: `start`, `end`, or `abort` with the reason. */
export interface LedgerEntry {
  at: number;
  event: string;
  pid: number;
  run: string;
  attempt: number;
}

/** Milliseconds of CLOCK_MONOTONIC, which is one clock for all processes of a machine. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

/** An append-only file of {@link HistoryEntry}, a JSON object a line. */
export class History {
  readonly path: string;
  readonly #file: number;

  constructor(path: string) {
    this.path = path;
    this.#file = openSync(path, "a", 0o600);
  }

  note(event: HistoryEvent, at = monotonicMs()): void {
    writeSync(this.#file, `${JSON.stringify({ at, ...event })}\n`);
  }

  read(): HistoryEntry[] {
    return readLines<HistoryEntry>(this.path);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** The entries of a file of lines. A line that a kill cut off is none. */
export function readLines<Entry>(path: string): Entry[] {
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Entry);
}

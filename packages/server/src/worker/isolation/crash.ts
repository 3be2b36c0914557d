import { formatSize } from "@millrace/core";
import type { Evidence } from "@millrace/core/api";
import type { Crash } from "../handling.ts";

/** What is known of a place that died. */
export interface Death {
  place: "process" | "thread";
  exitCode?: number | null;
  signal?: string | null;
  outOfMemory?: boolean;
  /** The most that was seen, in bytes. */
  memoryBytes?: number | undefined;
  memoryLimitBytes: number | undefined;
  /** The last line that the handler logged. */
  lastLine: string | undefined;
  /** The end of what it wrote to stderr, or the error that nobody caught. */
  said?: string | undefined;
}

/** A death as it stays on record. */
export function crashOf(death: Death): Crash {
  const { place, outOfMemory = false, exitCode = null, signal = null } = death;
  const evidence: Evidence = {
    died: place,
    lane: place,
    exitCode,
    signal,
    outOfMemory,
    memoryBytes: death.memoryBytes ?? null,
    memoryLimitBytes: death.memoryLimitBytes ?? null,
    lastLine: death.lastLine ?? null,
    said: death.said || null,
  };
  const failure = {
    class: outOfMemory ? "OutOfMemory" : "Crashed",
    message: sentence(death, outOfMemory),
    stack: null,
  };
  return { failure, evidence };
}

function sentence(
  { place, exitCode, signal, memoryLimitBytes }: Death,
  outOfMemory: boolean,
): string {
  if (outOfMemory) {
    const limit = memoryLimitBytes === undefined ? "" : ` (limit ${formatSize(memoryLimitBytes)})`;
    return `its ${place} ran out of memory${limit}`;
  }
  if (signal) return `its ${place} was ended by ${signal}`;
  if (exitCode !== null && exitCode !== undefined) {
    return `its ${place} ended with exit code ${exitCode} while it ran`;
  }
  return `its ${place} died while it ran`;
}

import { readFileSync } from "node:fs";
import path from "node:path";

/** What a running (or dead) postmaster wrote into its data folder. */
export interface PidFile {
  readonly pid: number;
  /** Unix seconds, from the wall clock of then. */
  readonly startedAt: number;
  readonly port: number;
  /** Empty where it listens on no unix socket (Windows). */
  readonly socketFolder: string;
  readonly status: "starting" | "stopping" | "ready" | "standby" | "";
  readonly text: string;
}

export const pidFileOf = (data: string): string => path.join(data, "postmaster.pid");

/**
 * Reads `postmaster.pid`; undefined when there is none, or when it names no process (empty, cut short by a full disk):
 * what to make of such a file is for PostgreSQL to say. We never delete it.
 */
export function readPidFile(data: string): PidFile | undefined {
  let text: string;
  try {
    text = readFileSync(pidFileOf(data), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const [pid, , startedAt, port, socketFolder, , , status] = text.split("\n");
  const number = Math.abs(Number.parseInt(pid ?? "", 10)); // a single-user backend writes its pid negative
  if (!(number > 0)) return undefined;
  return {
    pid: number,
    startedAt: Number(startedAt ?? 0),
    port: Number(port ?? 0),
    socketFolder: socketFolder ?? "",
    status: (status ?? "").trim() as PidFile["status"],
    text,
  };
}

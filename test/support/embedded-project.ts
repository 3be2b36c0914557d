import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { onTestFinished } from "vitest";

import { isAlive } from "./is-alive.ts";
import type { Child } from "./child-process.ts";
import { startNode } from "./process.ts";
import { until } from "./until.ts";

/** A project folder for the embedded PostgreSQL of one test; what still runs on it at the end is stopped. */
export interface EmbeddedProject {
  readonly folder: string;
  /** Where its database should lie. */
  readonly home: string;
  readonly data: string;
  /** What `report` was given. */
  readonly reports: string[];
  report(message: string): void;
  /** Another process that holds the database; with `writing` it commits rows without end. */
  startHolder(mode?: "writing"): Promise<Child>;
}

const HOLDER = fileURLToPath(new URL("./embedded-holder.mjs", import.meta.url));

export function makeEmbeddedProject(): EmbeddedProject {
  const folder = mkdtempSync(path.join(tmpdir(), "millrace-embedded-"));
  chmodSync(folder, 0o711); // as root, the database's account must be able to pass
  const home = path.join(folder, ".millrace", "postgres");
  const data = path.join(home, "pg18");
  const reports: string[] = [];
  onTestFinished(async () => {
    await stopWhatRunsOn(data);
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    folder,
    home,
    data,
    reports,
    report: (message) => void reports.push(message),
    startHolder: (mode) => startNode(HOLDER, mode === undefined ? [home] : [home, mode]),
  };
}

/** What a holder said when it had the database. */
export async function heldBy(holder: Child): Promise<{ how: string; pid: number; home: string }> {
  const [, json] = await holder.waitForLine(/^held (.*)$/);
  return JSON.parse(json ?? "") as { how: string; pid: number; home: string };
}

/** Fast shutdown of the postmaster that the data folder names, if it is one. */
export async function stopWhatRunsOn(data: string): Promise<void> {
  const file = path.join(data, "postmaster.pid");
  if (!existsSync(file)) return;
  const pid = Number.parseInt(readFileSync(file, "utf8"), 10);
  if (!isAlive(pid) || (process.platform === "linux" && !processesWith(data).includes(pid))) return;
  process.kill(pid, "SIGINT");
  await until(`the postmaster ${pid} has stopped`, () => !isAlive(pid));
}

/** Processes with `text` in their command line, as `ps` shows it. Always none where there is no /proc. */
export function processesWith(text: string): number[] {
  if (!existsSync("/proc/self")) return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text);
      } catch {
        return false; // it has just ended
      }
    });
}

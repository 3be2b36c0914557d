import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  statfsSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive } from "../is-alive.ts";

const MEMORY = "/dev/shm";
const TMPFS = 0x01021994;

/** What a run of all tests has at the same time is less than half of it. */
const ENOUGH_BYTES = 4 * 2 ** 30;

/**
 * Has the temporary files of this process, and of all that it starts, lie in memory from now on: tests make and remove databases and servers by the
 * hundred, which takes five times as much of a processor on a disk. They go with this process.
 *
 * @returns whether they do: not where there is none, or too little room in it
 */
export function useMemory(): boolean {
  if (tmpdir().startsWith(join(MEMORY, "millrace-"))) return true;
  if (process.platform !== "linux" || !existsSync(MEMORY)) return false;
  const { type, bavail, bsize } = statfsSync(MEMORY);
  if (type !== TMPFS || bavail * bsize < ENOUGH_BYTES) return false;
  sweepMemory(MEMORY);
  const folder = mkdtempSync(join(MEMORY, `millrace-${process.pid}-`));
  // As /tmp: servers run as another account.
  chmodSync(folder, 0o1777);
  process.env.MILLRACE_TEST_DISK = tmpdir();
  process.env.TMPDIR = folder;
  process.once("exit", () => remove(folder));
  return true;
}

/** Where temporary files lie that must not be below /dev. */
export function diskFolder(): string {
  return process.env.MILLRACE_TEST_DISK ?? tmpdir();
}

/** Ends the servers whose run was killed with no time to do so, and gives back the memory that it held. */
export function sweepMemory(memory: string): void {
  for (const entry of readdirSync(memory)) {
    const [, runner] = entry.match(/^millrace-(\d+)-/) ?? [];
    if (runner === undefined || isAlive(Number(runner))) continue;
    const left = join(memory, entry);
    // What another account's run has left is for that account to sweep, or for root.
    if (!isOurs(left)) continue;
    for (const place of readdirSync(left)) endWhatRunsOn(join(left, place, "data"));
    remove(left);
  }
}

function isOurs(folder: string): boolean {
  const user = process.getuid?.();
  const owner = statSync(folder, { throwIfNoEntry: false })?.uid;
  return owner !== undefined && (user === 0 || user === owner);
}

function endWhatRunsOn(data: string): void {
  try {
    const pid = Number.parseInt(readFileSync(join(data, "postmaster.pid"), "utf8"), 10);
    // The number may be another's by now.
    if (readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(data)) process.kill(pid, "SIGQUIT");
  } catch {
    // It runs no more.
  }
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

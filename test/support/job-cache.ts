import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

const VARIABLE = "MILLRACE_TEST_JOB_CACHE";

/** A folder for the TypeScript that tests have compiled, for all tests of a run. @returns what removes it */
export function openJobCache(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "millrace-cache-"));
  process.env[VARIABLE] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}

/** Where it is: a process that finds a job compiled is there in a third of the time. Outside of a run, one for the test alone. */
export function jobCache(): string {
  const shared = process.env[VARIABLE];
  if (shared !== undefined) return shared;
  const folder = mkdtempSync(join(tmpdir(), "millrace-cache-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Lets a server of that MILLRACE_HOME find there what others have compiled. */
export function shareJobCache(home: string): void {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  symlinkSync(process.env[VARIABLE]!, join(home, "cache"));
}

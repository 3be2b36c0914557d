import { mkdirSync } from "node:fs";
import path from "node:path";
import { createHome } from "../api-key.ts";
import type { Cli } from "../cli.ts";
import { type LoadedCode, loadJobs } from "../load-jobs.ts";
import type { Settings } from "../settings.ts";

/** Where compiled jobs are kept. */
export function jobCache({ home }: Settings): string {
  return path.join(home, "cache");
}

/** The jobs and queues of `--jobs`, else of MILLRACE_JOBS. */
export function loadAllJobs(
  cli: Cli,
  settings: Settings,
  paths: readonly string[] = settings.jobs,
): Promise<LoadedCode> {
  createHome(settings.home);
  const cacheFolder = jobCache(settings);
  // What lies there is executed: nobody else may write to it.
  mkdirSync(cacheFolder, { recursive: true, mode: 0o700 });
  return loadJobs(paths, { cwd: cli.cwd, cacheFolder });
}

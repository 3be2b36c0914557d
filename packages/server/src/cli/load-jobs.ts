import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { MillraceError } from "@millrace/core";
import { type Job, type Queue, type Schedule, isJob, isQueue, isSchedule } from "@millrace/sdk";
import { type Import, moduleImporter } from "../runtime/import-module.ts";

const JOB_FILE = /^(?:.+\.)?job\.(?:ts|mts|js|mjs)$/;
const SKIPPED = new Set(["node_modules", "test", "tests", "__tests__"]);

export interface LoadOptions {
  /** What relative paths are relative to. */
  cwd: string;
  /** Where compiled TypeScript may be kept between starts: a folder that nobody else can write to. */
  cacheFolder: string;
}

/** What code defines. */
export interface LoadedCode {
  jobs: readonly Job[];
  queues: readonly Queue[];
  /** Besides those that jobs define themselves. */
  schedules: readonly Schedule[];
  /** The file of each job, by its name: whoever runs it in a process of its own loads it from there. */
  files: ReadonlyMap<string, string>;
}

/**
 * Loads jobs, queues and schedules: every one that a given file, or a `job.ts`, `*.job.ts` (or .mts, .js, .mjs) below a given folder, exports
 * under whatever name. `node_modules`, tests and dot folders are left out.
 *
 * @throws MillraceError `jobs_not_loaded`, which names the file; `duplicate_job`, `duplicate_queue` and `duplicate_schedule`, which name both
 */
export async function loadJobs(
  paths: readonly string[],
  { cwd, cacheFolder }: LoadOptions,
): Promise<LoadedCode> {
  if (paths.length === 0) {
    throw new MillraceError(
      "jobs_not_loaded",
      "no place of jobs is named; add --jobs and a file or folder, such as --jobs src/jobs, or set MILLRACE_JOBS",
    );
  }
  const load = moduleImporter(cacheFolder);
  const jobs = new Map<string, Found<Job>>();
  const queues = new Map<string, Found<Queue>>();
  const schedules = new Map<string, Found<Schedule>>();
  for (const place of paths) {
    const files = await jobFilesAt(path.resolve(cwd, place), place);
    let exported = 0;
    for (const file of files) {
      const shown = path.relative(cwd, file) || file;
      for (const value of await exportsOf(file, shown, load)) {
        if (isJob(value)) add("job", jobs, value, file, shown);
        else if (isQueue(value)) add("queue", queues, value, file, shown);
        else if (isSchedule(value)) add("schedule", schedules, value, file, shown);
        else continue;
        exported++;
      }
    }
    if (exported === 0) throw nothingExported(place, files.length);
  }
  if (jobs.size === 0) throw onlyQueues(paths);
  return {
    jobs: definedIn(jobs),
    queues: definedIn(queues),
    schedules: definedIn(schedules),
    files: new Map([...jobs].map(([name, { file }]) => [name, file])),
  };
}

interface Found<Defined> {
  defined: Defined;
  file: string;
  /** The file as the user would name it. */
  shown: string;
}

function definedIn<Defined>(found: ReadonlyMap<string, Found<Defined>>): Defined[] {
  return [...found.values()].map(({ defined }) => defined);
}

async function jobFilesAt(place: string, shown: string): Promise<string[]> {
  const info = await stat(place).catch(() => undefined);
  if (!info) throw new MillraceError("jobs_not_loaded", `--jobs ${shown}: there is no such path`);
  if (!info.isDirectory()) return [place];
  const files = await jobFilesBelow(place);
  if (files.length > 0) return files;
  throw new MillraceError(
    "jobs_not_loaded",
    `--jobs ${shown}: no file below it is named job.ts or *.job.ts (or .mts, .js, .mjs); name one so, or give a file`,
  );
}

async function jobFilesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = await Promise.all(
    entries.map(async (entry) => {
      const place = path.join(folder, entry.name);
      if (entry.isFile()) return JOB_FILE.test(entry.name) ? [place] : [];
      if (!entry.isDirectory() || SKIPPED.has(entry.name) || entry.name.startsWith(".")) return [];
      return jobFilesBelow(place);
    }),
  );
  return found.flat().sort();
}

async function exportsOf(file: string, shown: string, load: Import): Promise<unknown[]> {
  try {
    return Object.values(await load(file));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new MillraceError("jobs_not_loaded", `${shown} could not be loaded: ${message}`, {
      cause: error,
    });
  }
}

function add<Defined extends { name: string }>(
  what: "job" | "queue" | "schedule",
  found: Map<string, Found<Defined>>,
  defined: Defined,
  file: string,
  shown: string,
): void {
  const { name } = defined;
  const other = found.get(name);
  if (other && other.defined !== defined) {
    throw new MillraceError(
      `duplicate_${what}`,
      `the name ${name} is given to a ${what} in ${other.shown} and to another in ${shown}; rename one`,
    );
  }
  found.set(name, { defined, file, shown });
}

function onlyQueues(paths: readonly string[]): MillraceError {
  return new MillraceError(
    "jobs_not_loaded",
    `--jobs ${paths.join(" ")}: there are queues or schedules and no job; add the place of the jobs`,
  );
}

function nothingExported(place: string, files: number): MillraceError {
  const where = files === 1 ? "the file exports no" : `the ${files} files there export no`;
  return new MillraceError(
    "jobs_not_loaded",
    `--jobs ${place}: ${where} job; write export const greet = defineJob({ … })`,
  );
}

import path from "node:path";
import { type Job, checkInput } from "@millrace/sdk";
import type { Cli } from "../cli.ts";
import { harmless } from "../output/harmless.ts";
import { count } from "../output/words.ts";
import type { OpenedDatabase } from "./open-pool.ts";

const LABEL_WIDTH = 10;

/** One fact about the start, such as `  jobs      report, sync`. */
export function tell(cli: Cli, label: string, text: string): void {
  cli.out.line(`  ${cli.out.style("gray", label.padEnd(LABEL_WIDTH))}${harmless(text)}`);
}

export function tellDatabase(cli: Cli, { place, facts }: OpenedDatabase): void {
  const version = facts.version.split(" ")[0];
  const kind = place.embedded ? "embedded PostgreSQL" : "PostgreSQL";
  tell(cli, "database", `${kind} ${version}, ${place.words}`);
}

export function tellSchema(cli: Cli, applied: number): void {
  tell(cli, "schema", applied > 0 ? `${count(applied, "migration")} applied` : "up to date");
}

/** One line for each queue. */
export function tellJobs(cli: Cli, jobs: readonly Job[]): void {
  const queues = [...new Set(jobs.map((job) => job.queue))].sort();
  for (const queue of queues) {
    const names = jobs.filter((job) => job.queue === queue).map((job) => job.name);
    tell(cli, "jobs", `${names.sort().join(", ")} (queue ${queue})`);
  }
}

/** A path as the reader would type it. */
export function shortPath(cli: Cli, file: string): string {
  const relative = path.relative(cli.cwd, file);
  return relative.startsWith("..") ? file : relative;
}

/** A command that runs one of the jobs, one that needs no input if there is such. */
export async function commandToTry(cli: Cli, jobs: readonly Job[]): Promise<string> {
  const names = jobs.map((job) => job.name);
  for (const job of jobs) {
    if (await takesNothing(job)) return `${programName(cli)} run ${job.name} --wait`;
  }
  return `${programName(cli)} run ${names[0]} --input '{…}' --wait`;
}

async function takesNothing(job: Job): Promise<boolean> {
  try {
    await checkInput(job, {});
    return true;
  } catch {
    return false;
  }
}

/** How the reader calls this program: installed by its name, else through npx. */
function programName(cli: Cli): string {
  const installed = path.basename(process.argv[1] ?? "") === "millrace" && !cli.env.npm_command;
  return installed ? "millrace" : "npx millrace";
}

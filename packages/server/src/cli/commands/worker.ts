import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { concurrencyOption, jobsOption, queuesOption } from "./options.ts";

export function workerCommand(cli: Cli): Command {
  return new Command("worker")
    .description("work on the runs of a database that a server elsewhere serves")
    .addOption(jobsOption())
    .addOption(queuesOption())
    .addOption(concurrencyOption())
    .action(cli.action((options: Options) => run(cli, options)));
}

interface Options {
  jobs?: string[];
  queues?: string;
  concurrency?: string;
}

async function run(cli: Cli, options: Options): Promise<number> {
  const settings = cli.settings({
    MILLRACE_QUEUES: { flag: "--queues", value: options.queues },
    MILLRACE_CONCURRENCY: { flag: "--concurrency", value: options.concurrency },
  });
  const { startWorker } = await import("../serve/start-worker.ts");
  return startWorker(cli, settings, options.jobs);
}

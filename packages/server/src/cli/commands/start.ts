import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { concurrencyOption, jobsOption, queuesOption } from "./options.ts";

export function startCommand(cli: Cli): Command {
  return new Command("start")
    .description("start everything in one process: database, API, scheduler and worker")
    .addOption(jobsOption())
    .addOption(queuesOption())
    .addOption(concurrencyOption())
    .option("-p, --port <port>", "port of the API (MILLRACE_PORT)")
    .action(cli.action((options: Options) => run(cli, options)));
}

interface Options {
  jobs?: string[];
  queues?: string;
  concurrency?: string;
  port?: string;
}

async function run(cli: Cli, options: Options): Promise<number> {
  const settings = cli.settings({
    MILLRACE_QUEUES: { flag: "--queues", value: options.queues },
    MILLRACE_CONCURRENCY: { flag: "--concurrency", value: options.concurrency },
    MILLRACE_PORT: { flag: "--port", value: options.port },
  });
  // Loaded when it is wanted: the other commands should not wait for it.
  const { startServer } = await import("../serve/start-server.ts");
  return startServer(cli, settings, options.jobs);
}

import path from "node:path";
import { MillraceError, sizeBytes } from "@millrace/core";
import { Command, InvalidArgumentError } from "commander";
import type { Cli } from "../cli.ts";
import {
  concurrencyOption,
  durationOption,
  jobsOption,
  queuesOption,
  wholeNumber,
} from "./options.ts";

export function autoscaleCommand(cli: Cli): Command {
  return new Command("autoscale")
    .description("keep as many workers on this machine as their queues want")
    .option("--min <n>", "workers at the least", wholeNumber(0, 1000), 1)
    .option("--max <n>", "workers at the most", wholeNumber(1, 1000), 8)
    .option("--hold <time>", "for how long more workers than are wanted stay (60s)", durationOption)
    .option("--max-cpu <percent>", "add none while the CPUs are busier", wholeNumber(1, 100), 90)
    .option("--min-free <size>", "give one up when less memory is free (256mb)", sizeOption)
    .addOption(jobsOption())
    .addOption(queuesOption())
    .addOption(concurrencyOption())
    .action(cli.action((options: Options) => run(cli, options)));
}

interface Options {
  min: number;
  max: number;
  hold?: number;
  maxCpu: number;
  minFree?: number;
  jobs?: string[];
  queues?: string;
  concurrency?: string;
}

async function run(cli: Cli, options: Options): Promise<number> {
  const { min, max, hold = 60_000, maxCpu, minFree = 256 * 1024 ** 2 } = options;
  if (min > max) throw new MillraceError("invalid_usage", "--min is more than --max");
  const settings = cli.settings({
    MILLRACE_QUEUES: { flag: "--queues", value: options.queues },
    MILLRACE_CONCURRENCY: { flag: "--concurrency", value: options.concurrency },
  });
  const { startAutoscaler } = await import("../serve/start-autoscaler.ts");
  return startAutoscaler(cli, settings, {
    policy: { min, max, holdMs: hold },
    bound: { maxCpu: maxCpu / 100, minFreeBytes: minFree },
    workerArgs: workerArgs(cli, options),
  });
}

function workerArgs(cli: Cli, { jobs, queues, concurrency }: Options): string[] {
  return [
    ...(jobs ? ["--jobs", ...jobs.map((job) => path.resolve(cli.cwd, job))] : []),
    ...(queues === undefined ? [] : ["--queues", queues]),
    ...(concurrency === undefined ? [] : ["--concurrency", concurrency]),
  ];
}

function sizeOption(text: string): number {
  const bytes = sizeBytes(text);
  if (bytes !== undefined) return bytes;
  throw new InvalidArgumentError("Write an amount of memory, such as 256mb or 1.5gb.");
}

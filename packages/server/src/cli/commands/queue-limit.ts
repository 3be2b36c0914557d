import { MAX_DEPTH, MillraceError } from "@millrace/core";
import { QueueInfo, type SetQueueLimits } from "@millrace/core/api";
import { Command, InvalidArgumentError } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { limitsText } from "../output/pause-words.ts";
import { durationOption, jsonOption, wholeNumber } from "./options.ts";

const HELP = `
The limits hold over all workers, and instead of those that code gives the queue (defineQueue) until --reset.
What is not given stays as it is.

  millrace queues limit reports --concurrency 4 --rate 100/1m
  millrace queues limit reports --rate none
  millrace queues limit reports --max-depth 100000`;

type Rate = NonNullable<SetQueueLimits["rate"]>;

/** Takes a limit away. Not null, of which commander would make an empty text. */
const NONE = "none";

interface Options {
  concurrency?: number | typeof NONE;
  rate?: Pick<Rate, "limit" | "per"> | typeof NONE;
  burst?: number;
  maxDepth?: number | typeof NONE;
  reset?: boolean;
  json?: boolean;
}

export function queueLimitCommand(cli: Cli): Command {
  return new Command("limit")
    .description(
      "limit how many runs of a queue run at the same time, how many start, and how many may wait",
    )
    .argument("<queue>", "its name")
    .option("--concurrency <n>", "runs at the same time, over all workers; or none", concurrency)
    .option("--rate <rate>", "starts in a length of time, such as 100/1m; or none", rate)
    .option("--burst <n>", "with --rate: what may start at once after a quiet time", burst)
    .option("--max-depth <n>", "runs that may wait; more are refused; or none", maxDepth)
    .option("--reset", "back to what code says of the queue, or to no limits")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(cli.action((name: string, options: Options) => run(cli, name, options)));
}

async function run(cli: Cli, name: string, options: Options): Promise<number> {
  const path = `queues/${segment(name)}/limits`;
  const api = apiClient(cli);
  const queue = options.reset
    ? await api.delete(path, alone(options, QueueInfo))
    : await api.put(path, limitsOf(options), QueueInfo);
  if (options.json) {
    cli.out.line(harmlessJson({ v: 1, ...queue }));
  } else {
    const limits = limitsText(queue) ?? "no limits";
    const from = queue.limitedBy === null && queue.defined ? ", as its code says" : "";
    cli.out.line(`${harmless(queue.name)}: ${limits}${from}`);
  }
  return EXIT.done;
}

function alone<T>({ reset: _, json: __, ...limits }: Options, answer: T): T {
  if (Object.keys(limits).length === 0) return answer;
  throw new MillraceError("invalid_usage", "--reset takes all limits back; give it alone");
}

function limitsOf({ concurrency, rate, burst, maxDepth: depth }: Options): SetQueueLimits {
  if (burst !== undefined && (rate === undefined || rate === NONE)) {
    throw new MillraceError(
      "invalid_usage",
      "--burst belongs to a rate: add --rate, such as 100/1m",
    );
  }
  if (concurrency === undefined && rate === undefined && depth === undefined) {
    throw new MillraceError(
      "invalid_usage",
      "which limit? give --concurrency, --rate or --max-depth, with none to take one away; or --reset",
    );
  }
  return {
    ...(concurrency !== undefined && { concurrency: concurrency === NONE ? null : concurrency }),
    ...(depth !== undefined && { maxDepth: depth === NONE ? null : depth }),
    ...(rate === NONE && { rate: null }),
    ...(rate !== undefined &&
      rate !== NONE && { rate: { ...rate, ...(burst !== undefined && { burst }) } }),
  };
}

function concurrency(text: string): number | typeof NONE {
  return text === NONE ? NONE : wholeNumber(1, 100_000)(text);
}

function maxDepth(text: string): number | typeof NONE {
  return text === NONE ? NONE : wholeNumber(1, MAX_DEPTH)(text);
}

function rate(text: string): Pick<Rate, "limit" | "per"> | typeof NONE {
  if (text === NONE) return NONE;
  const [limit = "", per = "", ...more] = text.split("/");
  if (!/^\d+(\.\d+)?$/.test(limit) || Number(limit) <= 0 || per === "" || more.length > 0) {
    throw new InvalidArgumentError("Write starts and a length of time, such as 100/1m, or none.");
  }
  durationOption(per);
  return { limit: Number(limit), per };
}

function burst(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value >= 1) return value;
  throw new InvalidArgumentError("Write a number from 1.");
}

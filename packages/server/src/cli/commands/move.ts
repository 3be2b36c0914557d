import { MAX_PRIORITY, MIN_PRIORITY, MillraceError } from "@millrace/core";
import { MovedRun } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { forEachOf } from "../several.ts";
import { jsonOption, wholeNumber } from "./options.ts";

export function moveCommand(cli: Cli): Command {
  return new Command("move")
    .description("put runs that wait into another queue, or give them another priority")
    .argument("<run...>", "ids of runs")
    .option("--queue <name>", "into this queue")
    .option("--priority <n>", "-100 to 100, higher first", wholeNumber(MIN_PRIORITY, MAX_PRIORITY))
    .addOption(jsonOption())
    .action(cli.action((ids: string[], options: Options) => run(cli, ids, options)));
}

interface Options {
  queue?: string;
  priority?: number;
  json?: boolean;
}

function run(cli: Cli, ids: string[], options: Options): Promise<number> {
  const { queue, priority, json } = options;
  if (queue === undefined && priority === undefined) {
    throw new MillraceError("invalid_usage", "where to? give --queue or --priority");
  }
  const api = apiClient(cli);
  return forEachOf(cli, ids, options, async (id) => {
    const moved = await api.post(`runs/${segment(id)}/move`, { queue, priority }, MovedRun);
    if (json) cli.out.line(harmlessJson({ v: 1, ...moved }));
    else {
      const where = `queue ${harmless(moved.queue)}, priority ${moved.priority}`;
      cli.out.line(`${harmless(id)} ${moved.moved ? "moved to" : "is already in"} ${where}`);
    }
  });
}

import { StartedNow } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { forEachOf } from "../several.ts";
import { jsonOption } from "./options.ts";

export function runNowCommand(cli: Cli): Command {
  return new Command("now")
    .description("start runs now that are not due yet, or wait for their next try")
    .argument("<run...>", "ids of runs")
    .option("--reason <text>", "for the record")
    .addOption(jsonOption())
    .action(cli.action((ids: string[], options: Options) => start(cli, ids, options)));
}

interface Options {
  reason?: string;
  json?: boolean;
}

function start(cli: Cli, ids: string[], options: Options): Promise<number> {
  const api = apiClient(cli);
  const { reason } = options;
  return forEachOf(cli, ids, options, async (id) => {
    const { queue } = await api.post(`runs/${segment(id)}/start-now`, { reason }, StartedNow);
    if (options.json) cli.out.line(harmlessJson({ v: 1, id, queue }));
    else cli.out.line(`${harmless(id)} stands in queue ${harmless(queue)} now`);
  });
}

import { CancelResult } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { forEachOf } from "../several.ts";
import { jsonOption } from "./options.ts";

export function cancelCommand(cli: Cli): Command {
  return new Command("cancel")
    .description("cancel runs; one that runs is asked to stop")
    .argument("<run...>", "ids of runs")
    .option("--reason <text>", "for the record")
    .addOption(jsonOption())
    .action(cli.action((ids: string[], options: Options) => run(cli, ids, options)));
}

interface Options {
  reason?: string;
  json?: boolean;
}

function run(cli: Cli, ids: string[], options: Options): Promise<number> {
  const api = apiClient(cli);
  const body = options.reason === undefined ? {} : { reason: options.reason };
  return forEachOf(cli, ids, options, async (id) => {
    const { result } = await api.post(`runs/${segment(id)}/cancel`, body, CancelResult);
    if (options.json) cli.out.line(harmlessJson({ v: 1, id, result }));
    else cli.out.line(`${harmless(id)} ${result === "asked" ? "was asked to stop" : "cancelled"}`);
  });
}

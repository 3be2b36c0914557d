import { AcceptedRun } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { forEachOf } from "../several.ts";
import { jsonOption } from "./options.ts";

export function rerunCommand(cli: Cli): Command {
  return new Command("rerun")
    .description("make new runs of finished ones, with the same input")
    .argument("<run...>", "ids of runs")
    .addOption(jsonOption())
    .action(cli.action((ids: string[], options: { json?: boolean }) => run(cli, ids, options)));
}

function run(cli: Cli, ids: string[], options: { json?: boolean }): Promise<number> {
  const api = apiClient(cli);
  return forEachOf(cli, ids, options, async (id) => {
    const accepted = await api.post(`runs/${segment(id)}/rerun`, {}, AcceptedRun);
    if (options.json) cli.out.line(harmlessJson({ v: 1, rerunOf: id, ...accepted }));
    else cli.out.line(`${harmless(id)} runs again as ${accepted.id}`);
  });
}

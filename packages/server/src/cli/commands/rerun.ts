import { AcceptedRun } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { readPatch } from "../read-patch.ts";
import { forEachOf } from "../several.ts";
import { jsonOption } from "./options.ts";

export function rerunCommand(cli: Cli): Command {
  return new Command("rerun")
    .description("make new runs of finished ones, with the same input or a patched one")
    .argument("<run...>", "ids of runs")
    .option("--patch <json>", "change the input by JSON Patch; @FILE reads the patch from a file")
    .addOption(jsonOption())
    .action(cli.action((ids: string[], options: Options) => run(cli, ids, options)));
}

interface Options {
  patch?: string;
  json?: boolean;
}

async function run(cli: Cli, ids: string[], options: Options): Promise<number> {
  const patch = options.patch === undefined ? undefined : await readPatch(options.patch, cli.cwd);
  const api = apiClient(cli);
  return forEachOf(cli, ids, options, async (id) => {
    const accepted = await api.post(`runs/${segment(id)}/rerun`, { patch }, AcceptedRun);
    if (options.json) cli.out.line(harmlessJson({ v: 1, rerunOf: id, ...accepted }));
    else cli.out.line(`${harmless(id)} runs again as ${accepted.id}`);
  });
}

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
    .option("--force", "at once, without making good what they have done")
    .addOption(jsonOption())
    .action(cli.action((ids: string[], options: Options) => run(cli, ids, options)));
}

interface Options {
  reason?: string;
  force?: boolean;
  json?: boolean;
}

function run(cli: Cli, ids: string[], options: Options): Promise<number> {
  const api = apiClient(cli);
  const { reason, force } = options;
  const body = { reason, force };
  return forEachOf(cli, ids, options, async (id) => {
    const { result } = await api.post(`runs/${segment(id)}/cancel`, body, CancelResult);
    if (options.json) cli.out.line(harmlessJson({ v: 1, id, result }));
    else cli.out.line(`${harmless(id)} ${WORDS[result]}`);
  });
}

const WORDS: Record<CancelResult["result"], string> = {
  cancelled: "cancelled",
  asked: "was asked to stop",
  compensating: "makes good first what it has done, and is cancelled then",
};

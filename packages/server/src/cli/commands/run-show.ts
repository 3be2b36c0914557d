import { PublishedList, Run } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmlessJson } from "../output/harmless.ts";
import { printRun } from "../output/run-page.ts";
import { printLog } from "./logs.ts";
import { jsonOption } from "./options.ts";

export function runShowCommand(cli: Cli): Command {
  return new Command("show")
    .description("show a run: its state and why, attempts, steps, input, output, timeline")
    .argument("<run>", "its id")
    .option("--logs", "and its log")
    .addOption(jsonOption())
    .action(cli.action((id: string, options: Options) => show(cli, id, options)));
}

interface Options {
  logs?: boolean;
  json?: boolean;
}

async function show(cli: Cli, id: string, { logs, json }: Options): Promise<number> {
  const api = apiClient(cli);
  const run = await api.get(`runs/${segment(id)}`, Run);
  if (json) cli.out.line(harmlessJson({ v: 1, ...run }));
  else {
    const { published } = await api.get(`runs/${segment(id)}/published`, PublishedList);
    printRun(cli.out, run, published, Date.now());
  }
  if (logs) {
    if (!json) cli.out.line();
    await printLog(cli, api, id, json === true);
  }
  return EXIT.done;
}

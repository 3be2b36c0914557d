import { LogPage, PublishedList, Run } from "@millrace/core/api";
import { Command } from "commander";
import { type ApiClient, apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmlessJson } from "../output/harmless.ts";
import { printRun } from "../output/run-page.ts";
import { printLogLine } from "../output/run-log-lines.ts";
import { printLog, printer } from "./logs.ts";
import { jsonOption } from "./options.ts";

/** Of the log of a run that has failed. */
const LAST_LINES = 10;

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
    if (!logs && run.state === "failed") await printLastLines(cli, api, id);
  }
  if (logs) {
    if (!json) cli.out.line();
    await printLog(api, id, {}, printer(cli, id, json === true));
  }
  return EXIT.done;
}

/** What a run that has failed said last is often why. */
async function printLastLines(cli: Cli, api: ApiClient, id: string): Promise<void> {
  const { lines, previous } = await api.get(`runs/${segment(id)}/logs`, LogPage, {
    before: "end",
    limit: LAST_LINES,
  });
  if (lines.length === 0) return;
  cli.out.line();
  if (previous !== null) {
    cli.out.line(cli.out.style("gray", `  the last of its log; the whole: millrace logs ${id}`));
  }
  for (const line of lines) printLogLine(cli.out, line);
}

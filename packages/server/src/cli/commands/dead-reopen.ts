import { MillraceError } from "@millrace/core";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import { beginOrPreview } from "../begin-operation.ts";
import type { Cli } from "../cli.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { forEachOf } from "../several.ts";
import { refuseWithout } from "./dead-filter.ts";
import { jsonOption, wholeNumber } from "./options.ts";

export function deadReopenCommand(cli: Cli): Command {
  return new Command("reopen")
    .description("take a dismissal back: they are dead letters again")
    .argument("[run...]", "ids of runs that were dismissed")
    .option(
      "--operation <n>",
      "all that this operation has dismissed, as an operation",
      wholeNumber(1, Number.MAX_SAFE_INTEGER),
    )
    .option("--dry-run", "with --operation: only tell how many these are")
    .option("-w, --wait", "with --operation: wait for its end, and show its progress")
    .addOption(jsonOption())
    .action(cli.action((ids: string[], options: Options) => run(cli, ids, options)));
}

interface Options {
  operation?: number;
  dryRun?: boolean;
  wait?: boolean;
  json?: boolean;
}

async function run(cli: Cli, ids: string[], options: Options): Promise<number> {
  const { operation, json } = options;
  if ((operation === undefined) === (ids.length === 0)) {
    throw new MillraceError(
      "invalid_usage",
      "give ids of runs that were dismissed, or --operation N for all that it has dismissed",
    );
  }
  if (operation !== undefined) return beginOrPreview(cli, { kind: "reopen", operation }, options);
  refuseWithout("operation", options, ["dryRun", "wait"]);
  const api = apiClient(cli);
  return forEachOf(cli, ids, options, async (id) => {
    await api.tell(`dead-letters/${segment(id)}/reopen`, {});
    if (json) cli.out.line(harmlessJson({ v: 1, runId: id, open: true }));
    else cli.out.line(`${harmless(id)} reopened`);
  });
}

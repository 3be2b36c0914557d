import type { CreateOperation } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import { beginOrPreview } from "../begin-operation.ts";
import type { Cli } from "../cli.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { forEachOf } from "../several.ts";
import {
  type FilterOptions,
  filterOf,
  isAboutAll,
  refuseWithoutAll,
  withFilterOptions,
} from "./dead-filter.ts";
import { jsonOption } from "./options.ts";

export function deadDismissCommand(cli: Cli): Command {
  const command = new Command("dismiss")
    .description("say that they need nothing more")
    .argument("[run...]", "ids of dead letters")
    .option("--note <text>", "why, for the record")
    .option("--all", "all that match the filters, as an operation")
    .option("--dry-run", "with --all: only tell how many these are");
  return withFilterOptions(command)
    .option("-w, --wait", "with --all: wait for its end, and show its progress")
    .addOption(jsonOption())
    .action(cli.action((ids: string[], options: Options) => run(cli, ids, options)));
}

interface Options extends FilterOptions {
  note?: string;
  all?: boolean;
  dryRun?: boolean;
  wait?: boolean;
  json?: boolean;
}

async function run(cli: Cli, ids: string[], options: Options): Promise<number> {
  const { note, json } = options;
  if (isAboutAll(ids, options)) {
    const body: CreateOperation = {
      kind: "dismiss",
      filter: filterOf(options),
      ...(note !== undefined && { note }),
    };
    return beginOrPreview(cli, body, options);
  }
  refuseWithoutAll(options, ["dryRun", "wait"]);
  const api = apiClient(cli);
  const body = note === undefined ? {} : { note };
  return forEachOf(cli, ids, options, async (id) => {
    await api.tell(`dead-letters/${segment(id)}/dismiss`, body);
    if (json) cli.out.line(harmlessJson({ v: 1, runId: id, dismissed: true }));
    else cli.out.line(`${harmless(id)} dismissed`);
  });
}

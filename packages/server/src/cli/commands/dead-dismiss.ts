import type { CreateOperation } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import { beginOrPreview } from "../begin-operation.ts";
import type { Cli } from "../cli.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { forEachOf } from "../several.ts";
import {
  type AllOptions,
  filterOf,
  isAboutAll,
  refuseWithoutAll,
  withAllOptions,
} from "./dead-filter.ts";

export function deadDismissCommand(cli: Cli): Command {
  const command = new Command("dismiss")
    .description("say that they need nothing more")
    .option("--note <text>", "why, for the record")
    .option("--dry-run", "with --all: only tell how many these are");
  return withAllOptions(command).action(
    cli.action((ids: string[], options: Options) => run(cli, ids, options)),
  );
}

interface Options extends AllOptions {
  note?: string;
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

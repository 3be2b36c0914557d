import { MillraceError } from "@millrace/core";
import {
  AcceptedRun,
  type CreateOperation,
  type JsonPatch,
  PatchPreview,
} from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { beginOrPreview } from "../begin-operation.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { printPreview } from "../output/patch-preview.ts";
import { readPatch } from "../read-patch.ts";
import { forEachOf } from "../several.ts";
import {
  type AllOptions,
  filterOf,
  isAboutAll,
  refuseWithoutAll,
  withAllOptions,
} from "./dead-filter.ts";
import { numberOption } from "./options.ts";

const HELP = `
With --all it is an operation, which goes on by itself on the server: millrace operations.

A patch is JSON Patch (RFC 6902), in place or in a file:
  --patch '[{"op":"replace","path":"/account","value":"c-882"}]'
  --patch @patch.json

A canary reruns 1, then 10, then the rest, each when those before have completed, and stops by itself at the first
rerun that fails, is cancelled or is refused.`;

export function deadRerunCommand(cli: Cli): Command {
  const command = new Command("rerun")
    .description("make a new run of each, with the same input or a patched one")
    .option("--patch <json>", "change the input; @FILE reads the patch from a file")
    .option("--dry-run", "only show what would be done");
  return withAllOptions(command)
    .option("--rate <n>", "with --all: reruns a second, 50 unless given", numberOption(0.01, 1000))
    .option("--canary", "with --all: first 1, then 10, then the rest")
    .addHelpText("after", HELP)
    .action(cli.action((ids: string[], options: Options) => run(cli, ids, options)));
}

interface Options extends AllOptions {
  patch?: string;
  rate?: number;
  canary?: boolean;
}

async function run(cli: Cli, ids: string[], options: Options): Promise<number> {
  const patch = options.patch === undefined ? undefined : await readPatch(options.patch, cli.cwd);
  if (isAboutAll(ids, options)) {
    const body = {
      kind: "rerun",
      filter: filterOf(options),
      patch,
      ratePerSecond: options.rate,
      canary: options.canary,
    };
    return beginOrPreview(cli, body as CreateOperation, options);
  }
  refuseWithoutAll(options, ["rate", "canary", "wait"]);
  return options.dryRun ? preview(cli, ids, patch, options) : rerun(cli, ids, patch, options);
}

function rerun(
  cli: Cli,
  ids: string[],
  patch: JsonPatch | undefined,
  options: Options,
): Promise<number> {
  const api = apiClient(cli);
  return forEachOf(cli, ids, options, async (id) => {
    const run = await api.post(`dead-letters/${segment(id)}/rerun`, { patch }, AcceptedRun);
    if (options.json) cli.out.line(harmlessJson({ v: 1, rerunOf: id, ...run }));
    else cli.out.line(`${harmless(id)} runs again as ${run.id}`);
  });
}

async function preview(
  cli: Cli,
  ids: string[],
  patch: JsonPatch | undefined,
  options: Options,
): Promise<number> {
  if (!patch) throw new MillraceError("invalid_usage", "--dry-run needs --patch, or --all");
  const api = apiClient(cli);
  let fits = true;
  const code = await forEachOf(cli, ids, options, async (id) => {
    const shown = await api.post(`dead-letters/${segment(id)}/preview`, { patch }, PatchPreview);
    fits &&= shown.accepted;
    if (options.json) cli.out.line(harmlessJson({ v: 1, ...shown }));
    else printPreview(cli.out, shown);
  });
  return code === EXIT.done && !fits ? EXIT.failed : code;
}

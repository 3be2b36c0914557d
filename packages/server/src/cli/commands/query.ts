import { MillraceError } from "@millrace/core";
import { type Published, PublishedList } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmlessJson } from "../output/harmless.ts";
import { printTable } from "../output/table.ts";
import { localTime } from "../output/words.ts";
import { jsonOption } from "./options.ts";

const HELP = `
It asks no worker: a run may be asked while it runs, while it waits, and after it has ended. With a key it prints what is
published there, as JSON, and ends with 3 when nothing is.`;

export function queryCommand(cli: Cli): Command {
  return new Command("query")
    .description("show what a run has published")
    .argument("<run>", "its id")
    .argument("[key]", "what is published under this key alone")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(
      cli.action((id: string, key: string | undefined, options: { json?: boolean }) =>
        query(cli, id, key, options),
      ),
    );
}

async function query(
  cli: Cli,
  id: string,
  key: string | undefined,
  { json }: { json?: boolean },
): Promise<number> {
  const path = `runs/${segment(id)}/published`;
  const { published } = await apiClient(cli).get(path, PublishedList, { name: key });
  if (key !== undefined && published.length === 0) {
    throw new MillraceError(
      "not_found",
      `run ${id} has published nothing as ${JSON.stringify(key)}; millrace query ${id} shows what it has`,
    );
  }
  if (json) {
    for (const each of published) cli.out.line(harmlessJson({ v: 1, ...each }));
  } else if (key !== undefined) cli.out.line(harmlessJson(published[0]!.value));
  else if (published.length === 0) cli.err.line("It has published nothing.");
  else printTable(cli.out, COLUMNS, published);
  return EXIT.done;
}

const COLUMNS = [
  { title: "KEY", text: ({ key }: Published) => key },
  { title: "AT", text: ({ at }: Published) => localTime(at) },
  { title: "VALUE", text: ({ value }: Published) => harmlessJson(value) },
];

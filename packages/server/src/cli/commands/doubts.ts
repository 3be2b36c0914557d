import { type Doubt, DoubtPage } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { printPage } from "../output/page.ts";
import type { Column } from "../output/table.ts";
import { age } from "../output/words.ts";
import { doubtsResolveCommand } from "./doubts-resolve.ts";
import { jsonOption, wholeNumber } from "./options.ts";

export function doubtsCommand(cli: Cli): Command {
  return new Command("doubts")
    .description("list effects of which nobody knows whether they happened")
    .option("-j, --job <name>", "of this job")
    .option("--limit <n>", "how many, 1 to 200", wholeNumber(1, 200), 50)
    .option("--cursor <cursor>", "go on where the last page ended")
    .addOption(jsonOption())
    .helpCommand(false)
    .action(cli.action((options: Options) => list(cli, options)))
    .addCommand(doubtsResolveCommand(cli));
}

interface Options {
  job?: string;
  limit: number;
  cursor?: string;
  json?: boolean;
}

async function list(cli: Cli, { job, limit, cursor, json }: Options): Promise<number> {
  const query = { job, limit, cursor };
  const { doubts, nextCursor } = await apiClient(cli).get("doubts", DoubtPage, query);
  return printPage(
    cli,
    { rows: doubts, nextCursor },
    { json, none: "No doubts.", columns: columns(Date.now()) },
  );
}

function columns(now: number): Column<Doubt>[] {
  return [
    { title: "RUN", text: (doubt) => doubt.runId },
    { title: "JOB", text: (doubt) => doubt.job },
    {
      title: "EFFECT",
      text: ({ name, ordinal }) => (ordinal > 1 ? `${name} (${ordinal})` : name),
    },
    { title: "FOR", text: (doubt) => age(doubt.since, now), right: true },
    { title: "TRIES", text: (doubt) => doubt.tries, right: true },
    { title: "KEY", text: (doubt) => doubt.idempotencyKey },
    {
      title: "LAST ERROR",
      text: ({ error }) => error && `${error.class}: ${error.message}`,
    },
  ];
}

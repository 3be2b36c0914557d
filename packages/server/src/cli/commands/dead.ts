import { MAX_PAGE, type DeadLetter, DeadLetterPage } from "@millrace/core/api";
import { Command } from "commander";
import { type ApiClient, apiClient } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { printPage } from "../output/page.ts";
import type { Column } from "../output/table.ts";
import { age } from "../output/words.ts";
import { deadDismissCommand } from "./dead-dismiss.ts";
import { type FilterOptions, filterOf, withFilterOptions } from "./dead-filter.ts";
import { deadGroupsCommand } from "./dead-groups.ts";
import { deadReopenCommand } from "./dead-reopen.ts";
import { deadRerunCommand } from "./dead-rerun.ts";
import { deadShowCommand } from "./dead-show.ts";
import { jsonOption, wholeNumber } from "./options.ts";

/** A filter that matches little may need many looks; after so long it shows what it has, and how to go on. */
const LOOK_FOR_MS = 5000;

export function deadCommand(cli: Cli): Command {
  const command = new Command("dead").description(
    "list dead letters: failed runs that nobody has handled yet",
  );
  return withFilterOptions(command)
    .option("--limit <n>", "how many, 1 to 10000", wholeNumber(1, 10_000), 50)
    .option("--cursor <cursor>", "go on where the last page ended")
    .addOption(jsonOption())
    .helpCommand(false)
    .action(cli.action((options: Options) => list(cli, options)))
    .addCommand(deadGroupsCommand(cli))
    .addCommand(deadShowCommand(cli))
    .addCommand(deadRerunCommand(cli))
    .addCommand(deadDismissCommand(cli))
    .addCommand(deadReopenCommand(cli));
}

interface Options extends FilterOptions {
  limit: number;
  cursor?: string;
  json?: boolean;
}

async function list(cli: Cli, options: Options): Promise<number> {
  const { deadLetters, nextCursor } = await gather(apiClient(cli), options);
  return printPage(
    cli,
    { rows: deadLetters, nextCursor },
    { json: options.json, none: "No dead letters.", columns: columns(Date.now()) },
  );
}

async function gather(api: ApiClient, options: Options): Promise<DeadLetterPage> {
  const { limit } = options;
  const filter = filterOf(options);
  const deadLetters: DeadLetter[] = [];
  const since = performance.now();
  for (let { cursor } = options; ;) {
    const missing = Math.min(limit - deadLetters.length, MAX_PAGE);
    const query = { ...filter, limit: missing, cursor };
    const page = await api.get("dead-letters", DeadLetterPage, query);
    deadLetters.push(...page.deadLetters);
    const { nextCursor } = page;
    const enough = deadLetters.length >= limit || performance.now() - since > LOOK_FOR_MS;
    if (nextCursor === null || enough) return { deadLetters, nextCursor };
    cursor = nextCursor;
  }
}

function columns(now: number): Column<DeadLetter>[] {
  return [
    { title: "RUN", text: (letter) => letter.runId },
    { title: "JOB", text: (letter) => letter.job },
    { title: "QUEUE", text: (letter) => letter.queue },
    { title: "DEAD FOR", text: (letter) => age(letter.failedAt, now), right: true },
    { title: "WHY", text: ({ error }) => `${error.class}: ${error.message}` },
  ];
}

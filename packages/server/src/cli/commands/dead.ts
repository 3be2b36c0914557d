import { AcceptedRun, type DeadLetter, DeadLetterPage } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { type Column, printTable } from "../output/table.ts";
import { age } from "../output/words.ts";
import { forEachOf } from "../several.ts";
import { jsonOption, wholeNumber } from "./options.ts";

interface Options {
  json?: boolean;
}

export function deadCommand(cli: Cli): Command {
  return new Command("dead")
    .description("list dead letters: failed runs that nobody has handled yet")
    .option("--job <name>", "of this job only")
    .option("--limit <n>", "how many, 1 to 200", wholeNumber(1, 200), 50)
    .option("--cursor <cursor>", "go on where the last page ended")
    .addOption(jsonOption())
    .action(cli.action((options: ListOptions) => list(cli, options)))
    .addCommand(rerunCommand(cli))
    .addCommand(dismissCommand(cli));
}

interface ListOptions extends Options {
  job?: string;
  limit: number;
  cursor?: string;
}

async function list(cli: Cli, { json, ...query }: ListOptions): Promise<number> {
  const page = await apiClient(cli).get("dead-letters", DeadLetterPage, { ...query });
  if (json) {
    for (const letter of page.deadLetters) cli.out.line(harmlessJson({ v: 1, ...letter }));
    if (page.nextCursor) cli.out.line(harmlessJson({ v: 1, nextCursor: page.nextCursor }));
    return EXIT.done;
  }
  if (page.deadLetters.length === 0) cli.err.line("No dead letters.");
  else printTable(cli.out, columns(Date.now()), page.deadLetters);
  if (page.nextCursor) cli.err.line(`More: --cursor ${page.nextCursor}`);
  return EXIT.done;
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

function rerunCommand(cli: Cli): Command {
  return new Command("rerun")
    .description("make a new run of each, with the same input")
    .argument("<run...>", "ids of dead letters")
    .addOption(jsonOption())
    .action(
      cli.action((ids: string[], options: Options) => {
        const api = apiClient(cli);
        return forEachOf(cli, ids, options, async (id) => {
          const run = await api.post(`dead-letters/${segment(id)}/rerun`, {}, AcceptedRun);
          if (options.json) cli.out.line(harmlessJson({ v: 1, rerunOf: id, ...run }));
          else cli.out.line(`${harmless(id)} runs again as ${run.id}`);
        });
      }),
    );
}

function dismissCommand(cli: Cli): Command {
  return new Command("dismiss")
    .description("say that they need nothing more")
    .argument("<run...>", "ids of dead letters")
    .option("--note <text>", "for the record")
    .addOption(jsonOption())
    .action(
      cli.action((ids: string[], options: Options & { note?: string }) => {
        const api = apiClient(cli);
        const body = options.note === undefined ? {} : { note: options.note };
        return forEachOf(cli, ids, options, async (id) => {
          await api.tell(`dead-letters/${segment(id)}/dismiss`, body);
          if (options.json) cli.out.line(harmlessJson({ v: 1, runId: id, dismissed: true }));
          else cli.out.line(`${harmless(id)} dismissed`);
        });
      }),
    );
}

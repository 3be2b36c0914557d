import { LogPage } from "@millrace/core/api";
import { Command } from "commander";
import { type ApiClient, apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmlessJson } from "../output/harmless.ts";
import { printLogLine } from "../output/run-page.ts";
import { jsonOption } from "./options.ts";

/** The most that the API gives at once. */
const PAGE = 1000;

export function logsCommand(cli: Cli): Command {
  return new Command("logs")
    .description("print what a run has logged")
    .argument("<run>", "its id")
    .addOption(jsonOption())
    .action(
      cli.action(async (id: string, { json }: { json?: boolean }) => {
        await printLog(cli, apiClient(cli), id, json);
        return EXIT.done;
      }),
    );
}

export async function printLog(cli: Cli, api: ApiClient, id: string, json = false): Promise<void> {
  for (let after: number | null = -1; after !== null;) {
    const page: LogPage = await api.get(`runs/${segment(id)}/logs`, LogPage, {
      after,
      limit: PAGE,
    });
    for (const line of page.lines) {
      if (json) cli.out.line(harmlessJson({ v: 1, run: id, ...line }));
      else printLogLine(cli.out, line);
    }
    after = page.next;
  }
}

import { AuditPage, MAX_AUDIT_PAGE } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmlessJson } from "../output/harmless.ts";
import { sinceOption } from "./options.ts";

const HELP = `
Each line has what the entry says, entry (the text that is hashed) and hash; docs/audit.md has how to follow the chain without Millrace.`;

interface Options {
  since?: string;
  until?: string;
}

export function auditExportCommand(cli: Cli): Command {
  return new Command("export")
    .description("print all entries, the oldest first, one JSON object a line")
    .option("--since <when>", "from an instant on, or so long ago, such as 24h", sinceOption)
    .option("--until <when>", "before an instant, or so long ago", sinceOption)
    .addHelpText("after", HELP)
    .action(cli.action((options: Options) => exportAll(cli, options)));
}

async function exportAll(cli: Cli, { since, until }: Options): Promise<number> {
  const api = apiClient(cli);
  for (let cursor: number | null = 0; cursor !== null;) {
    const query = { since, until, cursor, order: "oldest", limit: MAX_AUDIT_PAGE };
    const page: AuditPage = await api.get("audit", AuditPage, query);
    for (const entry of page.entries) cli.out.line(harmlessJson({ v: 1, ...entry }));
    cursor = page.nextCursor;
  }
  return EXIT.done;
}

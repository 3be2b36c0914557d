import { AUDIT_ACTIONS, type AuditEntry, AuditPage, MAX_AUDIT_PAGE } from "@millrace/core/api";
import { Command, Option } from "commander";
import { type ApiClient, apiClient } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { printPage } from "../output/page.ts";
import type { Column } from "../output/table.ts";
import { auditExportCommand } from "./audit-export.ts";
import { auditVerifyCommand } from "./audit-verify.ts";
import { jsonOption, sinceOption, wholeNumber } from "./options.ts";

/** A filter that matches little may need many looks; after so long it shows what it has, and how to go on. */
const LOOK_FOR_MS = 5000;

const COLUMNS: Column<AuditEntry>[] = [
  { title: "NO", text: ({ seq }) => String(seq), right: true },
  { title: "AT", text: ({ at }) => at.slice(0, 19) },
  { title: "WHO", text: ({ actor }) => actor },
  { title: "FROM", text: ({ address }) => address },
  { title: "WHAT", text: ({ action }) => action },
  { title: "OF", text: ({ object }) => object },
];

interface Options {
  actor?: string;
  action?: string;
  object?: string;
  since?: string;
  until?: string;
  limit: number;
  cursor?: number;
  json?: boolean;
}

export function auditCommand(cli: Cli): Command {
  return new Command("audit")
    .description("list who has done what, the newest first")
    .option("--actor <name>", "of one actor, such as key:deploy bot")
    .addOption(new Option("--action <action>", "of one kind").choices(AUDIT_ACTIONS))
    .option("--object <object>", "done to one thing, such as schedule:report")
    .option("--since <when>", "from an instant on, or so long ago, such as 24h", sinceOption)
    .option("--until <when>", "before an instant, or so long ago", sinceOption)
    .option("--limit <n>", "how many, 1 to 10000", wholeNumber(1, 10_000), 50)
    .option(
      "--cursor <n>",
      "go on where the last page ended",
      wholeNumber(0, Number.MAX_SAFE_INTEGER),
    )
    .addOption(jsonOption())
    .helpCommand(false)
    .action(cli.action((options: Options) => list(cli, options)))
    .addCommand(auditExportCommand(cli))
    .addCommand(auditVerifyCommand(cli));
}

async function list(cli: Cli, options: Options): Promise<number> {
  const { rows, nextCursor } = await gather(apiClient(cli), options);
  const style = { json: options.json, none: "Nothing of that is on record.", columns: COLUMNS };
  return printPage(cli, { rows, nextCursor }, style);
}

async function gather(
  api: ApiClient,
  { actor, action, object, since, until, limit, cursor: from }: Options,
): Promise<{ rows: AuditEntry[]; nextCursor: number | null }> {
  const rows: AuditEntry[] = [];
  const begunAt = performance.now();
  for (let cursor = from; ;) {
    const missing = Math.min(limit - rows.length, MAX_AUDIT_PAGE);
    const query = { actor, action, object, since, until, cursor, limit: missing };
    const { entries, nextCursor } = await api.get("audit", AuditPage, query);
    rows.push(...entries);
    const enough = rows.length >= limit || performance.now() - begunAt > LOOK_FOR_MS;
    if (nextCursor === null || enough) return { rows, nextCursor };
    cursor = nextCursor;
  }
}

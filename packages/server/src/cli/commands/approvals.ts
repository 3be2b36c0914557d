import { type Approval, ApprovalPage } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { printPage } from "../output/page.ts";
import type { Column } from "../output/table.ts";
import { age, localTime } from "../output/words.ts";
import { jsonOption, wholeNumber } from "./options.ts";

/** What is longer is shown by --json. */
const ASK_WIDTH = 100;

export function approvalsCommand(cli: Cli): Command {
  return new Command("approvals")
    .description("list approvals that nobody has answered yet")
    .option("-j, --job <name>", "of this job")
    .option("--limit <n>", "how many, 1 to 200", wholeNumber(1, 200), 50)
    .option("--cursor <cursor>", "go on where the last page ended")
    .addOption(jsonOption())
    .addHelpText("after", "\nAnswer with millrace approve RUN, or millrace reject RUN.")
    .action(cli.action((options: Options) => list(cli, options)));
}

interface Options {
  job?: string;
  limit: number;
  cursor?: string;
  json?: boolean;
}

async function list(cli: Cli, { job, limit, cursor, json }: Options): Promise<number> {
  const query = { job, limit, cursor };
  const { approvals, nextCursor } = await apiClient(cli).get("approvals", ApprovalPage, query);
  return printPage(
    cli,
    { rows: approvals, nextCursor },
    { json, none: "No approvals to give.", columns: columns(Date.now()) },
  );
}

function columns(now: number): Column<Approval>[] {
  return [
    { title: "RUN", text: (approval) => approval.runId },
    { title: "JOB", text: (approval) => approval.job },
    {
      title: "APPROVAL",
      text: ({ name, ordinal }) => (ordinal > 1 ? `${name} (${ordinal})` : name),
    },
    { title: "ROLE", text: ({ role }) => role ?? "" },
    { title: "FOR", text: (approval) => age(approval.since, now), right: true },
    { title: "UNTIL", text: ({ until }) => (until === null ? "" : localTime(until)) },
    { title: "ASKS", text: ({ ask }) => shortened(ask) },
  ];
}

function shortened(ask: string): string {
  const line = ask.replaceAll(/\s+/g, " ");
  return line.length > ASK_WIDTH ? `${line.slice(0, ASK_WIDTH)}…` : line;
}

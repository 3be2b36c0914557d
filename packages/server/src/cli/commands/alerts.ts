import { AlertInfo, AlertPage } from "@millrace/core/api";
import { Command, Option } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { printPage } from "../output/page.ts";
import type { Style } from "../output/screen.ts";
import type { Column } from "../output/table.ts";
import { age } from "../output/words.ts";
import { rulesCommand } from "./alerts-rules.ts";
import { silenceCommand } from "./alerts-silence.ts";
import { targetsCommand, testCommand } from "./alerts-targets.ts";
import { jsonOption, wholeNumber } from "./options.ts";

interface ListOptions {
  state: string;
  rule?: string;
  limit: number;
  cursor?: string;
  json?: boolean;
}

const STYLES: Readonly<Record<string, Style | undefined>> = { firing: "red", pending: "yellow" };

const columns = (now: number): Column<AlertInfo>[] => [
  {
    title: "STATE",
    text: ({ state, silenced, acknowledgedBy }) =>
      `${state}${silenced ? ", silenced" : ""}${acknowledgedBy === null ? "" : `, ${acknowledgedBy}`}`,
    style: ({ state }) => STYLES[state],
  },
  { title: "SEVERITY", text: ({ severity }) => severity },
  { title: "RULE", text: ({ rule }) => rule },
  { title: "SINCE", text: ({ since }) => age(since, now), right: true },
  { title: "WHAT", text: ({ summary }) => summary, flexible: true },
  { title: "ALERT", text: ({ id }) => id },
];

export function alertsCommand(cli: Cli): Command {
  return listOptions(new Command("alerts"), cli)
    .description("list what is wrong, as the rules of Millrace have it")
    .helpCommand(false)
    .addCommand(listOptions(new Command("list"), cli).description("the same"))
    .addCommand(acknowledgeCommand(cli))
    .addCommand(rulesCommand(cli))
    .addCommand(silenceCommand(cli))
    .addCommand(targetsCommand(cli))
    .addCommand(testCommand(cli));
}

function listOptions(command: Command, cli: Cli): Command {
  return command
    .addOption(
      new Option("--state <state>", "which: open are those that fire, and those that are about to")
        .choices(["open", "pending", "firing", "resolved"])
        .default("open"),
    )
    .option("--rule <name>", "those of one rule")
    .option("--limit <n>", "how many, 1 to 200", wholeNumber(1, 200), 50)
    .option("--cursor <cursor>", "go on where the last page ended")
    .addOption(jsonOption())
    .action(cli.action((options: ListOptions) => list(cli, options)));
}

async function list(cli: Cli, { json, ...query }: ListOptions): Promise<number> {
  const { alerts: rows, nextCursor } = await apiClient(cli).get("alerts", AlertPage, query);
  const none = query.state === "open" ? "Nothing is wrong, as far as rules tell." : "No alerts.";
  return printPage(cli, { rows, nextCursor }, { json, none, columns: columns(Date.now()) });
}

function acknowledgeCommand(cli: Cli): Command {
  return new Command("acknowledge")
    .alias("ack")
    .description("say that you look after an alert: it is not told again while it fires")
    .argument("<alert>", "its id, as the list has it")
    .option("--note <text>", "for whoever sees it")
    .addOption(jsonOption())
    .action(
      cli.action(async (id: string, { note, json }: { note?: string; json?: boolean }) => {
        const path = `alerts/${segment(id)}/acknowledge`;
        const alert = await apiClient(cli).post(path, { note }, AlertInfo);
        if (json) cli.out.line(harmlessJson({ v: 1, ...alert }));
        else cli.out.line(`✓ ${harmless(alert.summary)}: acknowledged`);
        return EXIT.done;
      }),
    );
}

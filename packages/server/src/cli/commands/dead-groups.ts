import { type DeadLetterGroup, DeadLetterGroups } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmlessJson } from "../output/harmless.ts";
import { type Column, printTable } from "../output/table.ts";
import { age } from "../output/words.ts";
import { jsonOption, sinceOption, wholeNumber } from "./options.ts";

export function deadGroupsCommand(cli: Cli): Command {
  return new Command("groups")
    .description("group dead letters by what one would mend together, the largest first")
    .option("--job <name>", "of this job only")
    .option("--queue <name>", "of this queue only")
    .option("--since <when>", "failed since", sinceOption)
    .option("--until <when>", "failed before", sinceOption)
    .option("--limit <n>", "how many, 1 to 200", wholeNumber(1, 200), 50)
    .addOption(jsonOption())
    .action(cli.action((options: Options) => run(cli, options)));
}

interface Options {
  job?: string;
  queue?: string;
  since?: string;
  until?: string;
  limit: number;
  json?: boolean;
}

async function run(cli: Cli, { json, ...query }: Options): Promise<number> {
  const { groups, complete } = await apiClient(cli).get("dead-letters/groups", DeadLetterGroups, {
    ...query,
  });
  if (json) {
    for (const group of groups) cli.out.line(harmlessJson({ v: 1, ...group }));
    return EXIT.done;
  }
  if (groups.length === 0) cli.err.line("No dead letters.");
  else printTable(cli.out, columns(Date.now()), groups);
  if (!complete) cli.err.line("There are more than 200,000 dead letters: the newest are counted.");
  return EXIT.done;
}

function columns(now: number): Column<DeadLetterGroup>[] {
  return [
    { title: "FINGERPRINT", text: (group) => group.fingerprint },
    { title: "COUNT", text: (group) => group.count, right: true },
    { title: "FIRST", text: (group) => age(group.firstSeen, now), right: true },
    { title: "LAST", text: (group) => age(group.lastSeen, now), right: true },
    { title: "JOBS", text: (group) => group.jobs.join(", ") },
    { title: "WHY", text: (group) => `${group.errorClass}: ${group.sample.message}` },
  ];
}

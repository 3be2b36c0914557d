import { type PauseInfo, PauseList } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmlessJson } from "../output/harmless.ts";
import { type Column, printTable } from "../output/table.ts";
import { age, localTime } from "../output/words.ts";
import { jsonOption } from "./options.ts";

const columns = (now: number): Column<PauseInfo>[] => [
  { title: "WHAT", text: whatOf },
  { title: "NAME", text: ({ queue, job }) => queue ?? job },
  { title: "KEY", text: ({ key }) => key && JSON.stringify(key), flexible: true },
  { title: "FOR", text: ({ at }) => age(at, now), right: true },
  { title: "UNTIL", text: ({ until }) => until && localTime(until) },
  { title: "BY", text: ({ by }) => by },
  { title: "WHY", text: ({ reason }) => reason },
];

function whatOf({ queue, disabled }: PauseInfo): string {
  if (queue !== null) return "queue";
  return disabled ? "disabled job" : "job";
}

export function pausesCommand(cli: Cli): Command {
  return new Command("pauses")
    .description("list what is paused: queues, jobs and keys, by whom, why, and until when")
    .addOption(jsonOption())
    .action(
      cli.action(async ({ json }: { json?: boolean }) => {
        const { pauses } = await apiClient(cli).get("pauses", PauseList);
        if (json) for (const pause of pauses) cli.out.line(harmlessJson({ v: 1, ...pause }));
        else if (pauses.length === 0) cli.err.line("Nothing is paused.");
        else printTable(cli.out, columns(Date.now()), pauses);
        return EXIT.done;
      }),
    );
}

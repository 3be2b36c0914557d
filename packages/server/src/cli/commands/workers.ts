import { type WorkerInfo, WorkerList } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmlessJson } from "../output/harmless.ts";
import type { Style } from "../output/screen.ts";
import { withProject } from "../output/project-column.ts";
import { type Column, printTable } from "../output/table.ts";
import { age } from "../output/words.ts";
import { jsonOption } from "./options.ts";

const STATES: Record<WorkerInfo["state"], { text: string; style: Style }> = {
  active: { text: "✓ Active", style: "green" },
  draining: { text: "◐ Draining", style: "blue" },
  gone: { text: "⊘ Gone", style: "gray" },
  lost: { text: "✕ Lost", style: "red" },
};

export function workersCommand(cli: Cli): Command {
  return new Command("workers")
    .description("list workers: the living, and those that ended within the last hour")
    .addOption(jsonOption())
    .action(cli.action((options: { json?: boolean }) => run(cli, options)));
}

async function run(cli: Cli, { json }: { json?: boolean }): Promise<number> {
  const { workers } = await apiClient(cli).get("workers", WorkerList);
  if (json) for (const worker of workers) cli.out.line(harmlessJson({ v: 1, ...worker }));
  else printTable(cli.out, withProject(columns(Date.now()), workers), workers);
  return EXIT.done;
}

function columns(now: number): Column<WorkerInfo>[] {
  return [
    { title: "ID", text: (worker) => worker.id, right: true },
    { title: "WORKER", text: (worker) => worker.name },
    {
      title: "STATE",
      text: (worker) => STATES[worker.state].text,
      style: (worker) => STATES[worker.state].style,
    },
    { title: "BUSY", text: (w) => `${w.running.length}/${w.concurrency}`, right: true },
    { title: "UP", text: (worker) => age(worker.startedAt, now), right: true },
    { title: "SEEN", text: (worker) => `${age(worker.seenAt, now)} ago`, right: true },
    { title: "VERSION", text: (worker) => worker.version },
    { title: "QUEUES", text: (worker) => worker.queues.join(", ") },
  ];
}

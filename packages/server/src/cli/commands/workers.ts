import { type WorkerInfo, WorkerList } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import type { Style } from "../output/screen.ts";
import { withProject } from "../output/project-column.ts";
import { type Column, printTable } from "../output/table.ts";
import { age, bytes } from "../output/words.ts";
import { jsonOption } from "./options.ts";
import { workerStackCommand } from "./worker-stack.ts";

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
    .action(cli.action((options: { json?: boolean }) => run(cli, options)))
    .addCommand(steerCommand(cli, "quiet", "have a worker take nothing new; what it has goes on"))
    .addCommand(steerCommand(cli, "resume", "have a worker take runs again that was made quiet"))
    .addCommand(workerStackCommand(cli));
}

function steerCommand(cli: Cli, verb: "quiet" | "resume", description: string): Command {
  return new Command(verb)
    .description(description)
    .argument("<id>", "its number, as the list has it")
    .action(
      cli.action(async (id: string) => {
        await apiClient(cli).tell(`workers/${segment(id)}/${verb}`, {});
        const what = verb === "quiet" ? "takes nothing new" : "takes runs again";
        cli.out.line(`✓ worker ${harmless(id)} ${what}, as soon as it hears of it`);
        return EXIT.done;
      }),
    );
}

async function run(cli: Cli, { json }: { json?: boolean }): Promise<number> {
  const { workers, now } = await apiClient(cli).get("workers", WorkerList);
  if (json) for (const worker of workers) cli.out.line(harmlessJson({ v: 1, ...worker }));
  else printTable(cli.out, withProject(columns(Date.parse(now)), workers), workers);
  return EXIT.done;
}

function columns(now: number): Column<WorkerInfo>[] {
  return [
    { title: "ID", text: (worker) => worker.id, right: true },
    { title: "WORKER", text: (worker) => worker.name },
    {
      title: "STATE",
      text: ({ state, quieted }) => (quieted ? "◐ Quiet" : STATES[state].text),
      style: (worker) => STATES[worker.state].style,
    },
    { title: "BUSY", text: (w) => `${w.running.length}/${w.concurrency}`, right: true },
    { title: "UP", text: (worker) => age(worker.startedAt, now), right: true },
    { title: "SEEN", text: (worker) => `${age(worker.seenAt, now)} ago`, right: true },
    { title: "MEMORY", text: ({ memoryBytes: size }) => size && bytes(size), right: true },
    {
      title: "LAG",
      text: ({ loopLagMs: lag }) => (lag === null ? null : `${Math.round(lag)} ms`),
      right: true,
    },
    { title: "VERSION", text: (worker) => worker.version },
    { title: "QUEUES", text: (worker) => worker.queues.join(", ") },
  ];
}

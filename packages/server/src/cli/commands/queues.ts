import { formatDuration } from "@millrace/core";
import { QueueInfo, QueueList } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { drainText, limitsText, pauseText } from "../output/pause-words.ts";
import { etaText, rateOf } from "../output/outlook-words.ts";
import { withProject } from "../output/project-column.ts";
import { type Column, printTable } from "../output/table.ts";
import { jsonOption } from "./options.ts";
import { type PauseOptions, addPauseOptions, pauseBody } from "./pause-options.ts";
import { queueLimitCommand } from "./queue-limit.ts";

const COLUMNS: Column<QueueInfo>[] = [
  { title: "QUEUE", text: (queue) => queue.name },
  { title: "READY", text: (queue) => queue.ready, right: true },
  { title: "HELD", text: (queue) => queue.held, right: true },
  { title: "RUNNING", text: (queue) => queue.running, right: true },
  { title: "SCHEDULED", text: (queue) => queue.scheduled, right: true },
  { title: "WAITING", text: (queue) => queue.waiting, right: true },
  {
    title: "OLDEST",
    text: ({ oldestSeconds }) =>
      oldestSeconds === null ? null : formatDuration(Math.max(0, oldestSeconds * 1000)),
    right: true,
  },
  { title: "WORKERS", text: (queue) => queue.workers, right: true },
  { title: "IN/MIN", text: ({ outlook }) => rateOf(outlook?.inPerMinute), right: true },
  { title: "OUT/MIN", text: ({ outlook }) => rateOf(outlook?.outPerMinute), right: true },
  { title: "LIMITS", text: limitsText },
  {
    title: "ETA",
    text: ({ outlook }) => etaText(outlook),
    style: ({ outlook }) => (outlook?.verdict === "grows" ? "yellow" : undefined),
  },
  {
    title: "STATE",
    text: stateOf,
    style: (queue) => (queue.paused || queue.drained || isStuck(queue) ? "yellow" : undefined),
  },
];

export function queuesCommand(cli: Cli): Command {
  return new Command("queues")
    .description("list queues: how much waits, for how long, and who takes from them")
    .addOption(jsonOption())
    .action(cli.action((options: Options) => list(cli, options)))
    .addCommand(
      addPauseOptions(
        switchCommand(cli, "pause", "stop taking runs from a queue; those that run go on"),
      ),
    )
    .addCommand(switchCommand(cli, "resume", "take runs from a paused queue again"))
    .addCommand(
      addPauseOptions(
        switchCommand(cli, "drain", "take no new runs into a queue; those that are there go on"),
      ),
    )
    .addCommand(switchCommand(cli, "reopen", "take new runs into a drained queue again"))
    .addCommand(queueLimitCommand(cli));
}

interface Options {
  json?: boolean;
}

async function list(cli: Cli, { json }: Options): Promise<number> {
  const { queues } = await apiClient(cli).get("queues", QueueList);
  if (json) for (const queue of queues) cli.out.line(harmlessJson({ v: 1, ...queue }));
  else printTable(cli.out, withProject(COLUMNS, queues), queues);
  return EXIT.done;
}

type Verb = "pause" | "resume" | "drain" | "reopen";

function switchCommand(cli: Cli, verb: Verb, description: string): Command {
  return new Command(verb)
    .description(description)
    .argument("<queue>", "its name")
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, options: Options & PauseOptions) => {
        const body = pauseBody(options);
        const api = apiClient(cli);
        const queue = await api.post(`queues/${segment(name)}/${verb}`, body, QueueInfo);
        if (options.json) cli.out.line(harmlessJson({ v: 1, ...queue }));
        else cli.out.line(`${harmless(queue.name)}: ${harmless(stateOf(queue))}`);
        return EXIT.done;
      }),
    );
}

function stateOf(queue: QueueInfo): string {
  const { paused, drained } = queue;
  const told = [paused && pauseText(paused), drained && drainText(drained)].filter(Boolean);
  if (told.length > 0) return told.join("; ");
  return isStuck(queue) ? "! No worker takes from it" : "✓ Open";
}

function isStuck(queue: QueueInfo): boolean {
  return queue.workers === 0 && queue.ready + queue.held > 0;
}

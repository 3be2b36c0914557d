import { RunGraph } from "@millrace/core/api";
import { Command, Option } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { mermaidOf, printGraph } from "../output/graph-page.ts";
import { harmlessJson } from "../output/harmless.ts";
import { jsonOption } from "./options.ts";

export function runGraphCommand(cli: Cli): Command {
  return new Command("graph")
    .description("show a run as a graph: the nodes of a flow, or its steps as they came")
    .argument("<run>", "its id")
    .addOption(new Option("--mermaid", "as a Mermaid flowchart").conflicts("json"))
    .addOption(jsonOption())
    .action(cli.action((id: string, options: Options) => show(cli, id, options)));
}

interface Options {
  mermaid?: boolean;
  json?: boolean;
}

async function show(cli: Cli, id: string, { mermaid, json }: Options): Promise<number> {
  const graph = await apiClient(cli).get(`runs/${segment(id)}/graph`, RunGraph);
  if (json) cli.out.line(harmlessJson({ v: 1, ...graph }));
  else if (mermaid) for (const line of mermaidOf(graph)) cli.out.line(line);
  else printGraph(cli.out, graph, Date.now());
  return EXIT.done;
}

import { Explanation } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { etaText } from "../output/outlook-words.ts";
import { age, localTime, styledState } from "../output/words.ts";
import { jsonOption } from "./options.ts";

export function explainCommand(cli: Cli): Command {
  return new Command("explain")
    .description(
      "tell why a run is not running: what is in its way, who holds it, and when it will start",
    )
    .argument("<run>", "its id")
    .addOption(jsonOption())
    .action(cli.action((id: string, options: { json?: boolean }) => show(cli, id, options)));
}

async function show(cli: Cli, id: string, { json }: { json?: boolean }): Promise<number> {
  const explanation = await apiClient(cli).get(`runs/${segment(id)}/explain`, Explanation);
  if (json) cli.out.line(harmlessJson({ v: 1, ...explanation }));
  else print(cli, explanation, Date.now());
  return EXIT.done;
}

function print(
  cli: Cli,
  { run, state, summary, blockers, expectedStart, outlook }: Explanation,
  now: number,
): void {
  const { out } = cli;
  out.line(`${styledState(out, state)} ${run}`);
  if (blockers.length === 0) out.line(harmless(summary));
  for (const { message, since, holders } of blockers) {
    const begun = since === null ? "" : ` (since ${localTime(since)})`;
    out.line(`  • ${harmless(message)}${begun}`);
    for (const holder of holders) {
      out.line(
        `      held by ${holder.run} on worker ${holder.worker} for ${age(holder.since, now)}`,
      );
    }
  }
  if (expectedStart) out.line(`Expected to start at ${localTime(expectedStart)}.`);
  const eta = etaText(outlook);
  if (eta) out.line(`Its queue: ${harmless(eta)}.`);
}

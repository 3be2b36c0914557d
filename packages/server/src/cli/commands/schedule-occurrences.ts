import { OCCURRENCE_OUTCOMES, type OccurrenceInfo, OccurrencePage } from "@millrace/core/api";
import { Command, Option } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import type { Style } from "../output/screen.ts";
import { printPage } from "../output/page.ts";
import type { Column } from "../output/table.ts";
import { jsonOption, wholeNumber } from "./options.ts";

const OUTCOMES: Record<OccurrenceInfo["outcome"], { icon: string; style?: Style }> = {
  planned: { icon: "◷", style: "magenta" },
  fired: { icon: "✓", style: "green" },
  skipped: { icon: "⊘", style: "yellow" },
  merged: { icon: "⊕", style: "yellow" },
  "caught up": { icon: "↻", style: "green" },
};

const COLUMNS: Column<OccurrenceInfo>[] = [
  { title: "FOR", text: ({ nominal }) => nominal.replace(".000Z", "Z") },
  {
    title: "OUTCOME",
    text: ({ outcome }) => `${OUTCOMES[outcome].icon} ${outcome}`,
    style: ({ outcome }) => OUTCOMES[outcome].style,
  },
  { title: "RUN", text: ({ runId }) => runId },
  {
    title: "WHY",
    text: ({ reason, alert }) =>
      [reason, alert !== reason && alert && `! ${alert}`].filter(Boolean).join("; "),
  },
];

export function scheduleOccurrencesCommand(cli: Cli): Command {
  return new Command("occurrences")
    .description("what became of each planned instant, and why; newest first")
    .argument("<name>", "the schedule's name")
    .addOption(new Option("--outcome <outcome>", "only these").choices(OCCURRENCE_OUTCOMES))
    .option("--alerts", "only those that were missed, or did not start in time")
    .option("--limit <n>", "how many, 1 to 200", wholeNumber(1, 200), 20)
    .option("--cursor <cursor>", "go on where the last page ended")
    .addOption(jsonOption())
    .action(cli.action((name: string, options: Options) => list(cli, name, options)));
}

interface Options {
  outcome?: string;
  alerts?: boolean;
  limit: number;
  cursor?: string;
  json?: boolean;
}

async function list(cli: Cli, name: string, options: Options): Promise<number> {
  const { json, alerts, ...query } = options;
  const page = await apiClient(cli).get(`schedules/${segment(name)}/occurrences`, OccurrencePage, {
    ...query,
    alerts: alerts ? "true" : undefined,
  });
  return printPage(
    cli,
    { rows: page.occurrences, nextCursor: page.nextCursor },
    { json, none: "No occurrences.", columns: COLUMNS },
  );
}

import { formatDuration } from "@millrace/core";
import { type History, Retention, type RetentionRule } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmlessJson } from "../output/harmless.ts";
import { type Column, printTable } from "../output/table.ts";
import { bytes } from "../output/words.ts";
import { jsonOption } from "./options.ts";

export function retentionCommand(cli: Cli): Command {
  return new Command("retention")
    .description("what is kept how long, how much that is, and how much it will be")
    .addOption(jsonOption())
    .action(cli.action((options: { json?: boolean }) => run(cli, options)));
}

async function run(cli: Cli, { json }: { json?: boolean }): Promise<number> {
  const told = await apiClient(cli).get("retention", Retention);
  if (json) {
    cli.out.line(harmlessJson({ v: 1, ...told }));
    return EXIT.done;
  }
  printTable(cli.out, RULES, told.rules);
  if (told.jobs.length > 0) {
    cli.out.line("");
    printTable(cli.out, JOBS, told.jobs);
  }
  if (told.history) tell(cli, told.history);
  return EXIT.done;
}

const RULES: Column<RetentionRule>[] = [
  { title: "WHAT", text: ({ what }) => what },
  { title: "KEPT", text: ({ keptMs }) => (keptMs === null ? "with their runs" : kept(keptMs)) },
  { title: "ROWS", text: ({ rows }) => rows && about(rows), right: true },
  { title: "SIZE", text: ({ bytes: size }) => size && bytes(size), right: true },
  { title: "SET BY", text: ({ setBy }) => setBy },
];

const JOBS: Column<Retention["jobs"][number]>[] = [
  { title: "JOB", text: ({ job }) => job },
  { title: "KEPT", text: ({ keptMs }) => kept(keptMs) },
];

function tell({ out, err }: Cli, { since, runs, bytes: size, perDay, forecast, next }: History) {
  out.line("");
  out.line(
    `${about(runs)} runs${since ? ` since ${since.slice(0, 10)}` : ""}, ${bytes(size)} with all that belongs to them`,
  );
  if (perDay) {
    out.line(`${about(perDay.runs)} runs and ${bytes(perDay.bytes)} are added each day; so on`);
    for (const { at, ...then } of forecast) {
      out.line(`  ${at.slice(0, 10)}  ${about(then.runs)} runs, ${bytes(then.bytes)}`);
    }
  }
  if (!next) return;
  const what = `the oldest partition (${next.from.slice(0, 10)} to ${next.until.slice(0, 10)}, ${bytes(next.bytes)})`;
  err.line(
    next.goesAt === null
      ? `Nothing goes: ${what} is kept for ever.`
      : `Next goes ${what}, on ${next.goesAt.slice(0, 10)} at the earliest; millrace prune --dry-run says what stays and why.`,
  );
}

function kept(ms: number | "forever"): string {
  return ms === "forever" ? "for ever" : formatDuration(ms);
}

function about(n: number): string {
  return Math.round(n).toLocaleString("en");
}

import { formatDuration } from "@millrace/core";
import { JobTimes } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { type Column, printTable } from "../output/table.ts";
import { count, localTime } from "../output/words.ts";
import { jsonOption } from "./options.ts";

type Row = JobTimes["versions"][number];

const took = (title: string, of: keyof NonNullable<Row["took"]>): Column<Row> => ({
  title,
  text: (row) => row.took && formatDuration(row.took[of]),
  right: true,
});

const COLUMNS: Column<Row>[] = [
  { title: "VERSION", text: ({ version }) => version },
  { title: "ENDED", text: ({ ended }) => ended, right: true },
  {
    title: "COMPLETED",
    text: ({ ended, completed }) => `${Math.floor((completed / ended) * 1000) / 10} %`,
    right: true,
    style: ({ ended, completed }) => (completed < ended ? "yellow" : undefined),
  },
  took("P50", "p50Ms"),
  took("P95", "p95Ms"),
  took("P99", "p99Ms"),
];

export function jobTimesCommand(cli: Cli): Command {
  return new Command("times")
    .description("how the newest runs of a job ended, and how long they took, by version")
    .argument("<job>", "its name")
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, { json }: { json?: boolean }) => {
        const times = await apiClient(cli).get(`jobs/${segment(name)}/times`, JobTimes);
        if (json) {
          cli.out.line(harmlessJson({ v: 1, job: name, ...times }));
          return EXIT.done;
        }
        printTable(cli.out, COLUMNS, times.versions);
        cli.err.line(inWords(harmless(name), times));
        return EXIT.done;
      }),
    );
}

function inWords(job: string, { ended, since, more }: JobTimes): string {
  if (since === null) return `No run of ${job} was found that has completed or failed.`;
  const older = more ? "; older ones were left out" : "";
  return `Of ${count(ended, "run")} that completed or failed, accepted since ${localTime(since)}${older}.`;
}

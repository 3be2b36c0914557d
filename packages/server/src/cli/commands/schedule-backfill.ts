import { BackfillPreview, Operation } from "@millrace/core/api";
import { Command } from "commander";
import { type ApiClient, apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmlessJson } from "../output/harmless.ts";
import { operationLine } from "../output/operation-line.ts";
import { type Column, printTable } from "../output/table.ts";
import { count } from "../output/words.ts";
import { waitForOperation } from "../wait-for-operation.ts";
import { jsonOption, numberOption } from "./options.ts";
import { instantOption } from "./pause-options.ts";

const HELP = `
Makes a run for each occurrence of the range that never got one, also those that were skipped. It is an operation, and
goes on by itself: millrace operations.

  millrace schedules backfill nightly --from 2027-03-01T00:00:00Z --until 2027-03-08T00:00:00Z --dry-run`;

type Item = BackfillPreview["occurrences"][number];

const COLUMNS: Column<Item>[] = [
  { title: "FOR", text: ({ nominal }) => nominal.replace(".000Z", "Z") },
  { title: "LOCAL", text: ({ local }) => local },
  { title: "RUN", text: ({ left }) => (left === null ? "yes" : `no: ${left}`) },
  { title: "NOTE", text: ({ note }) => note ?? "" },
];

export function scheduleBackfillCommand(cli: Cli): Command {
  return new Command("backfill")
    .description("make up for the occurrences of a range that never got a run")
    .argument("<name>", "the schedule's name")
    .requiredOption("--from <instant>", "occurrences from then on", instantOption)
    .requiredOption("--until <instant>", "and before then", instantOption)
    .option("--dry-run", "only list what would be done")
    .option("--rate <n>", "runs a second, 50 unless given", numberOption(0.01, 1000))
    .option("-w, --wait", "wait until all runs are made, and show the progress")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(cli.action((name: string, options: Options) => run(cli, name, options)));
}

interface Options {
  from: string;
  until: string;
  dryRun?: boolean;
  rate?: number;
  wait?: boolean;
  json?: boolean;
}

async function run(cli: Cli, name: string, options: Options): Promise<number> {
  const { from, until, dryRun, rate, wait, json } = options;
  const path = `schedules/${segment(name)}/backfill`;
  const api = apiClient(cli);
  if (dryRun) return preview(cli, api, path, options);
  const body = { from, until, ...(rate !== undefined && { ratePerSecond: rate }) };
  const operation = await api.post(path, body, Operation);
  if (wait) return waitForOperation(cli, api, operation.id, json ? { json } : {});
  if (json) cli.out.line(harmlessJson({ v: 1, ...operation }));
  else {
    cli.out.line(operationLine(cli.out, operation));
    cli.err.line(`It goes on by itself: millrace operations show ${operation.id} --wait`);
  }
  return EXIT.done;
}

async function preview(
  cli: Cli,
  api: ApiClient,
  path: string,
  { from, until, json }: Options,
): Promise<number> {
  const { runs, occurrences } = await api.post(`${path}/preview`, { from, until }, BackfillPreview);
  if (json) {
    for (const occurrence of occurrences) cli.out.line(harmlessJson({ v: 1, ...occurrence }));
    return EXIT.done;
  }
  if (occurrences.length > 0) printTable(cli.out, COLUMNS, occurrences);
  cli.err.line(
    `${count(runs, "run")} would be made for ${count(occurrences.length, "occurrence")}.`,
  );
  return EXIT.done;
}

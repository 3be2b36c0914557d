import { RUN_STATES, type RunState } from "@millrace/core";
import { MAX_PAGE, RunPage, type RunSummary } from "@millrace/core/api";
import { Command, InvalidArgumentError, Option } from "commander";
import { type ApiClient, apiClient } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { didYouMean } from "../nearest-word.ts";
import { printPage } from "../output/page.ts";
import type { Column } from "../output/table.ts";
import { age, stateStyle, stateText, took } from "../output/words.ts";
import { jsonOption, sinceOption, wholeNumber } from "./options.ts";

/** A filter that matches little may need many looks; after so long it shows what it has, and how to go on. */
const LOOK_FOR_MS = 5000;

export function runsCommand(cli: Cli): Command {
  return new Command("runs")
    .description("list runs, newest first")
    .option("--job <name>", "of this job only")
    .option("--queue <name>", "of this queue only")
    .addOption(
      new Option("--state <state>", `one of ${RUN_STATES.join(", ")}`).argParser(readState),
    )
    .option(
      "--since <when>",
      "created since: 30m, 1h, 2d, or an instant such as 2026-01-31T08:00Z",
      sinceOption,
    )
    .option("--parent <run>", "children of this run only")
    .option("--subject <name>", "about this subject only")
    .option("--limit <n>", "how many, 1 to 10000", wholeNumber(1, 10_000), 20)
    .option("--cursor <cursor>", "go on where the last page ended")
    .addOption(jsonOption())
    .action(cli.action((options: Options) => run(cli, options)));
}

interface Options {
  job?: string;
  queue?: string;
  state?: RunState;
  since?: string;
  parent?: string;
  subject?: string;
  limit: number;
  cursor?: string;
  json?: boolean;
}

async function run(cli: Cli, { json, ...filter }: Options): Promise<number> {
  const { runs, nextCursor } = await gather(apiClient(cli), filter);
  return printPage(
    cli,
    { rows: runs, nextCursor },
    { json, none: "No runs.", columns: columns(Date.now()) },
  );
}

async function gather(
  api: ApiClient,
  { limit, ...filter }: Omit<Options, "json">,
): Promise<RunPage> {
  const runs: RunSummary[] = [];
  const since = performance.now();
  for (let { cursor } = filter; ;) {
    const missing = Math.min(limit - runs.length, MAX_PAGE);
    const page = await api.get("runs", RunPage, { ...filter, limit: missing, cursor });
    runs.push(...page.runs);
    const { nextCursor } = page;
    const enough = runs.length >= limit || performance.now() - since > LOOK_FOR_MS;
    if (nextCursor === null || enough) return { runs, nextCursor };
    cursor = nextCursor;
  }
}

function columns(now: number): Column<RunSummary>[] {
  return [
    { title: "RUN", text: (run) => run.id },
    { title: "JOB", text: (run) => run.job },
    {
      title: "STATE",
      text: (run) => stateText(run.state),
      style: (run) => stateStyle(run.state),
    },
    { title: "TRY", text: (run) => run.attempt, right: true },
    { title: "QUEUE", text: (run) => run.queue },
    { title: "TOOK", text: (run) => took(run.startedAt, run.finishedAt, now), right: true },
    { title: "AGE", text: (run) => age(run.createdAt, now), right: true },
    { title: "WHY", text: whyOf },
  ];
}

function whyOf(run: RunSummary): string {
  const over = run.state === "completed" || run.state === "waiting";
  if (run.error && !over) return `${run.error.class}: ${run.error.message}`;
  return run.reason ?? "";
}

function readState(text: string): RunState {
  const state = RUN_STATES.find((known) => known === text.toLowerCase());
  if (state) return state;
  throw new InvalidArgumentError(
    `It is one of ${RUN_STATES.join(", ")}${didYouMean(text, RUN_STATES)}`,
  );
}

import {
  MillraceError,
  QUERY_FIELDS,
  RUN_STATES,
  type RunState,
  didYouMean,
  parseQuery,
} from "@millrace/core";
import { MAX_PAGE, RunCount, RunPage, type RunSummary, type Searched } from "@millrace/core/api";
import { Command, InvalidArgumentError, Option } from "commander";
import { type ApiClient, apiClient } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson, harmlessJsonLine } from "../output/harmless.ts";
import { linesOf } from "../output/json-lines.ts";
import { printPage } from "../output/page.ts";
import { type Column, fit } from "../output/table.ts";
import { age, localTime, stateStyle, stateText, took } from "../output/words.ts";
import { jsonOption, sinceOption, wholeNumber } from "./options.ts";

/** A filter that matches little may need many looks; after so long it shows what it has, and how to go on. */
const LOOK_FOR_MS = 5000;

export function runsCommand(cli: Cli): Command {
  return new Command("runs")
    .description("list runs, newest first")
    .argument("[query]", `what to look for, such as 'status:failed job:contact.* age:<1h "503"'`)
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
    .option("--count", "only how many a query finds, up to 10,000")
    .option("--all", "every run that a query finds, as lines of JSON")
    .option("--payloads", "with --all: also what each got and gave, which is on record")
    .option("--limit <n>", "how many, 1 to 10000", wholeNumber(1, 10_000), 20)
    .option("--cursor <cursor>", "go on where the last page ended")
    .addOption(jsonOption())
    .addHelpText("after", `\n${fieldsHelp()}`)
    .action(
      cli.action((query: string | undefined, options: Options) => {
        if (options.all) return exportAll(cli, query, options);
        if (options.payloads)
          throw new MillraceError("invalid_usage", "--payloads goes with --all");
        return options.count ? count(cli, query, options) : run(cli, { ...options, q: query });
      }),
    );
}

/** What a query is made of, from the one list of its fields. */
function fieldsHelp(): string {
  const width = Math.max(...QUERY_FIELDS.map(({ name }) => name.length)) + 2;
  const lines = QUERY_FIELDS.map(
    ({ name, kind, description }) =>
      `  ${`${name}${kind === "path" ? ".…" : ""}:`.padEnd(width + 2)}${description}`,
  );
  return [
    "A query has these fields; a word or what stands in quotes is looked for in errors, keys and inputs:",
    ...lines,
    "Several values are alternatives (status:failed,cancelled), * stands for anything, - before a term negates it.",
  ].join("\n");
}

interface Options {
  job?: string;
  queue?: string;
  state?: RunState;
  since?: string;
  parent?: string;
  subject?: string;
  q?: string | undefined;
  count?: boolean;
  all?: boolean;
  payloads?: boolean;
  limit: number;
  cursor?: string;
  json?: boolean;
}

/** What says how runs are answered, and not which. */
type Outer = "json" | "count" | "all" | "payloads";

async function run(cli: Cli, options: Options): Promise<number> {
  const { json, count: _count, all: _all, payloads: _payloads, ...filter } = options;
  if (filter.q !== undefined) parseQuery(filter.q);
  const { runs, nextCursor, searched } = await gather(apiClient(cli), filter);
  const code = printPage(
    cli,
    { rows: runs, nextCursor },
    { json, none: "No runs.", columns: columns(Date.now(), runs) },
  );
  if (searched && !searched.complete && !json) cli.err.line(soFar(searched));
  return code;
}

/** How many there are, for people and, as a number alone, for programs. */
async function count(cli: Cli, q: string | undefined, options: Options): Promise<number> {
  if (q !== undefined) parseQuery(q);
  const { since, json, limit: _limit, count: _count, ...other } = options;
  const [filter] = Object.keys(other);
  if (filter !== undefined) {
    throw new MillraceError("invalid_usage", `--count takes a query, and not --${filter}`);
  }
  const found = await apiClient(cli).get("runs/count", RunCount, { q, since });
  if (json) cli.out.line(harmlessJson({ v: 1, ...found }));
  else cli.out.line(`${found.count}${found.more ? "+" : ""}`);
  if (!found.complete) {
    cli.err.line(`Counted back to ${localTime(found.back ?? "")}, then the time was over.`);
  }
  return EXIT.done;
}

/** As the server reads them, so that neither side has all of them. */
async function exportAll(cli: Cli, q = "", options: Options): Promise<number> {
  parseQuery(q);
  const { all: _all, payloads, json: _json, limit: _limit, ...other } = options;
  const [filter] = Object.keys(other);
  if (filter !== undefined) {
    throw new MillraceError("invalid_usage", `--all takes a query, and not --${filter}`);
  }
  const query = { q, ...(payloads && { payloads: "true" }) };
  const bytes = await apiClient(cli).lines("runs/export", query);
  for await (const line of linesOf(bytes)) cli.out.line(harmlessJsonLine(line));
  return EXIT.done;
}

function soFar({ back, looked, total, index }: Searched): string {
  const of = total === null ? "" : ` of about ${total}`;
  const many = looked === null ? "" : ` ${looked}${of} runs,`;
  const sooner =
    index && !index.used
      ? ` ${index.path} is searchable in ${index.jobs.join(", ")}: with job:${index.jobs.join(",")} it is looked up.`
      : "";
  return `Searched${many} back to ${back === null ? "the beginning" : localTime(back)}; --cursor goes on.${sooner}`;
}

async function gather(
  api: ApiClient,
  { limit, ...filter }: Omit<Options, Outer>,
): Promise<RunPage> {
  const runs: RunSummary[] = [];
  const since = performance.now();
  for (let { cursor } = filter; ;) {
    const missing = Math.min(limit - runs.length, MAX_PAGE);
    const page = await api.get("runs", RunPage, { ...filter, limit: missing, cursor });
    runs.push(...page.runs);
    const { nextCursor, searched } = page;
    const enough = runs.length >= limit || performance.now() - since > LOOK_FOR_MS;
    if (nextCursor === null || enough) return { runs, nextCursor, searched };
    cursor = nextCursor;
  }
}

function columns(now: number, runs: readonly RunSummary[]): Column<RunSummary>[] {
  const anyFields = runs.some(({ fields }) => Object.keys(fields).length > 0);
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
    ...(anyFields ? [{ title: "FIELDS", text: fieldsOf }] : []),
    { title: "WHY", text: whyOf },
  ];
}

/** What its job declares as searchable, such as `tenant=acme order.id=o-17`. */
function fieldsOf({ fields }: RunSummary): string {
  const text = Object.entries(fields).map(([path, value]) => `${path}=${value}`);
  return fit(harmless(text.join(" ")), 40);
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

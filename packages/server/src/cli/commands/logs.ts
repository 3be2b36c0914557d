import { MillraceError } from "@millrace/core";
import { LOG_LEVELS, LogEnd, LogLine, LogPage, RunId } from "@millrace/core/api";
import { Command, Option } from "commander";
import { type ApiClient, apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { followEvents } from "../follow-events.ts";
import { harmlessJson } from "../output/harmless.ts";
import { printLogLine } from "../output/run-log-lines.ts";
import { LEVEL_HELP, logsOfRuns, refuseOfOneRun } from "./logs-of-runs.ts";
import { jsonOption, sinceOption, wholeNumber } from "./options.ts";

/** The most that the API gives at once. */
const PAGE = 1000;

const HELP = `
With -f and a run it goes on until the run has ended, also when the server is away meanwhile: what was said then comes when it is back. Exit code 10 when the
run has failed, 11 when it was cancelled. With a query, or nothing, it prints the last lines of all runs that match, and goes on with -f until it is
interrupted: the fields of millrace runs --help, and ${LEVEL_HELP}; a text is looked for in the line.`;

export function logsCommand(cli: Cli): Command {
  return new Command("logs")
    .description("print what a run has logged, or many have, or follow what they log")
    .argument(
      "[run]",
      "its id, or a query such as 'job:contact.* level:>=warn'; all runs unless given",
    )
    .option("-f, --follow", "and what is logged from now on")
    .option("-n, --lines <n>", "how many of the last lines of many runs", wholeNumber(0, 10_000))
    .addOption(new Option("--level <level>", "the least level").choices(LOG_LEVELS))
    .option("--attempt <n>", "of that attempt alone", wholeNumber(1, 32_767))
    .option("--since <when>", "said since: 10m, or an instant", sinceOption)
    .option("--search <text>", "with that text in the message, the fields or the step")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(
      cli.action((asked: string | undefined, options: Options) =>
        asked !== undefined && RunId.safeParse(asked).success
          ? logOfRun(cli, asked, options)
          : logsOf(cli, asked ?? "", options),
      ),
    );
}

interface Options {
  follow?: boolean;
  lines?: number;
  level?: string;
  attempt?: number;
  since?: string;
  search?: string;
  json?: boolean;
}

async function logOfRun(
  cli: Cli,
  id: string,
  { follow, json = false, search: q, lines, ...filter }: Options,
): Promise<number> {
  if (lines !== undefined) {
    throw new MillraceError("invalid_usage", "--lines is for the logs of many runs: a query");
  }
  const print = printer(cli, id, json);
  const wanted = { ...filter, q };
  if (follow) return followLog(cli, apiClient(cli), id, wanted, print);
  const printed = await printLog(apiClient(cli), id, wanted, print);
  if (!json && printed === 0) cli.err.line("No lines.");
  return EXIT.done;
}

function logsOf(cli: Cli, query: string, { attempt, since, ...options }: Options): Promise<number> {
  refuseOfOneRun({ attempt, since });
  if (/^[0-9a-f]{8}-[0-9a-f-]*$/.test(query)) {
    throw new MillraceError(
      "invalid_usage",
      `${query} is not the whole id of a run; millrace runs id:${query} finds it by its beginning`,
    );
  }
  return logsOfRuns(cli, query, options);
}

type Wanted = Record<string, string | number | undefined>;

type Print = (line: LogLine) => void;

/** How lines are shown: to people, or as JSON. */
export function printer(cli: Cli, run: string, json: boolean): Print {
  return (line) => {
    if (json) cli.out.line(harmlessJson({ v: 1, run, ...line }));
    else printLogLine(cli.out, line);
  };
}

/** All that there is by now; answers how many lines that is. */
export async function printLog(
  api: ApiClient,
  id: string,
  wanted: Wanted,
  print: Print,
): Promise<number> {
  let lines = 0;
  for (let after: number | null = -1; after !== null;) {
    const page: LogPage = await api.get(`runs/${segment(id)}/logs`, LogPage, {
      ...wanted,
      after,
      limit: PAGE,
    });
    for (const line of page.lines) print(line);
    lines += page.lines.length;
    after = page.next;
  }
  return lines;
}

async function followLog(
  cli: Cli,
  api: ApiClient,
  id: string,
  query: Wanted,
  print: Print,
): Promise<number> {
  const interrupt = new AbortController();
  const abort = () => interrupt.abort();
  process.once("SIGINT", abort);
  try {
    const onBack = (ms: number) =>
      cli.err.line(`-- reconnected after ${(ms / 1000).toFixed(1)} s, nothing missed --`);
    const path = `runs/${segment(id)}/logs/stream`;
    for await (const { event, data } of followEvents(api, path, {
      ...{ query, signal: interrupt.signal, onBack },
    })) {
      if (event === "line") print(LogLine.parse(data));
      if (event === "end") return exitCodeOf(LogEnd.parse(data));
    }
    return EXIT.done;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    return EXIT.interrupted;
  } finally {
    process.removeListener("SIGINT", abort);
  }
}

function exitCodeOf({ state }: LogEnd): number {
  if (state === "failed") return EXIT.runFailed;
  return state === "cancelled" ? EXIT.runCancelled : EXIT.done;
}

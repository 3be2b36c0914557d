import {
  MAX_PRIORITY,
  MIN_PRIORITY,
  MillraceError,
  didYouMean,
  formatDuration,
} from "@millrace/core";
import { AcceptedRun, type CreateRun, JobList } from "@millrace/core/api";
import { Command, Option } from "commander";
import { type ApiClient, apiClient } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson, harmlessPrettyJson } from "../output/harmless.ts";
import { runLine } from "../output/run-page.ts";
import { localTime, styledState } from "../output/words.ts";
import { readInput } from "../read-input.ts";
import { waitForRun } from "../wait-for-run.ts";
import { durationOption, jsonOption, wholeNumber, writtenDuration } from "./options.ts";
import { runGraphCommand } from "./run-graph.ts";
import { runNowCommand } from "./run-now.ts";
import { runShowCommand } from "./run-show.ts";

const HELP = `
The input is JSON: in place, in a file, or on stdin (millrace run report -). A job that is named like a
subcommand is run with --job: millrace run --job show.

With --wait the exit code tells how the run ended: 0 completed, 10 failed, 11 cancelled, 12 not within the time.`;

/** As the help of --timeout says. */
const WAIT_MS = 3_600_000;

export function runCommand(cli: Cli): Command {
  return new Command("run")
    .description("run a job")
    .argument("[job]", "its name")
    .argument("[-]", "read the input from stdin")
    .option("--job <name>", "the job, if its name is that of a subcommand")
    .option("-i, --input <json>", "the input")
    .option("--input-file <file>", "the file that holds the input")
    .option("-w, --wait", "wait for its end, and print its output")
    .addOption(
      new Option("--timeout <duration>", "how long --wait waits (default: 1h)").argParser(
        durationOption,
      ),
    )
    .option("--queue <name>", "instead of the job's own")
    .option(
      "--priority <n>",
      "-100 to 100, higher first; instead of the job's own",
      wholeNumber(MIN_PRIORITY, MAX_PRIORITY),
    )
    .option(
      "--delay <duration>",
      "not before so much time has passed, such as 10m",
      writtenDuration,
    )
    .option(
      "--ttl <duration>",
      "cancelled if it has not started by then; instead of the job's own",
      writtenDuration,
    )
    .option("--key <text>", "idempotency key: same job and key, same run")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .helpCommand(false)
    .addCommand(runShowCommand(cli))
    .addCommand(runGraphCommand(cli))
    .addCommand(runNowCommand(cli))
    .action(
      cli.action((job: string | undefined, operand: string | undefined, options: Options) =>
        run(cli, job, operand, options),
      ),
    );
}

interface Options {
  job?: string;
  input?: string;
  inputFile?: string;
  wait?: boolean;
  timeout?: number;
  queue?: string;
  priority?: number;
  delay?: string;
  ttl?: string;
  key?: string;
  json?: boolean;
}

async function run(
  cli: Cli,
  named: string | undefined,
  operand: string | undefined,
  options: Options,
): Promise<number> {
  // With --job, the one word that is left can only be the dash.
  const [job, source] = options.job === undefined ? [named, operand] : [options.job, named];
  if (job === undefined) {
    throw new MillraceError(
      "invalid_usage",
      "which job? write millrace run JOB; millrace jobs lists them",
    );
  }
  if (options.timeout !== undefined && !options.wait) {
    throw new MillraceError("invalid_usage", "--timeout is how long --wait waits; add --wait");
  }
  const { queue, priority, delay, ttl, key } = options;
  const input = await readInput(
    { operand: source, json: options.input, file: options.inputFile },
    cli.cwd,
    cli.stdin,
  );
  const request = { job, input, queue, priority, delay, ttl, idempotencyKey: key };
  const api = apiClient(cli);
  const accepted = await create(api, request as CreateRun);
  if (options.wait) return waitAndTell(cli, api, accepted.id, options);
  if (options.json) cli.out.line(harmlessJson({ v: 1, ...accepted }));
  else cli.out.line(acceptedLine(cli, job, accepted, key));
  return EXIT.done;
}

async function create(api: ApiClient, request: CreateRun): Promise<AcceptedRun> {
  try {
    return await api.post("runs", request, AcceptedRun);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== "unknown_job") throw error;
    const { jobs } = await api.get("jobs", JobList);
    const names = jobs.map(({ name }) => name);
    const hint = didYouMean(request.job, names) || "; millrace jobs lists those that are";
    throw new MillraceError("unknown_job", `no job ${request.job} is registered${hint}`);
  }
}

function acceptedLine(
  cli: Cli,
  job: string,
  accepted: AcceptedRun,
  key: string | undefined,
): string {
  if (!accepted.created) {
    const why = key === undefined ? "; this call is part of it" : ", by its key";
    return `${harmless(job)} ${accepted.id} was there already${why}`;
  }
  const state = styledState(cli.out, accepted.runAt ? "scheduled" : "queued");
  const due = accepted.runAt ? ` for ${localTime(accepted.runAt)}` : "";
  return `${state} ${harmless(job)} ${accepted.id}${due}`;
}

async function waitAndTell(
  cli: Cli,
  api: ApiClient,
  id: string,
  { timeout = WAIT_MS, json }: Options,
): Promise<number> {
  const interrupt = new AbortController();
  const abort = () => interrupt.abort();
  process.once("SIGINT", abort);
  try {
    const run = await waitForRun(api, id, timeout, interrupt.signal);
    if (!run) {
      cli.err.line(
        `Run ${id} has not finished after ${formatDuration(timeout)}; it goes on: millrace run show ${id}`,
      );
      return EXIT.waitTimedOut;
    }
    if (json) {
      cli.out.line(harmlessJson({ v: 1, ...run }));
    } else {
      cli.err.line(runLine(cli.err, run));
      if (run.error && run.state !== "completed") {
        cli.err.line(`  ${harmless(`${run.error.class}: ${run.error.message}`)}`);
        cli.err.line(`  more: millrace run show ${id} --logs`);
      }
      if (run.output !== null) cli.out.line(harmlessPrettyJson(run.output));
    }
    if (run.state === "completed") return EXIT.done;
    return run.state === "failed" ? EXIT.runFailed : EXIT.runCancelled;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    cli.err.line(`Not waiting any more; the run goes on: millrace run show ${id}`);
    return EXIT.interrupted;
  } finally {
    process.removeListener("SIGINT", abort);
  }
}

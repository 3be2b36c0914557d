import { MillraceError, formatDuration, toFailure } from "@millrace/core";
import { RunRecord } from "@millrace/core/api";
import { type ReplayEnd, type RunLog, replayJob } from "@millrace/sdk";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { hostHandlers } from "../host-handlers.ts";
import { harmless, harmlessJson, harmlessLines, harmlessPrettyJson } from "../output/harmless.ts";
import { replayedRun } from "../replayed-run.ts";
import { durationOption, jobsOption, jsonOption } from "./options.ts";

const HELP = `
The handler runs here, with the code that is here, over what the run has on record, and stops where that ends: no step or effect begins,
and nothing is written. What the handler does outside of its steps, it does. With a debugger:
  NODE_OPTIONS=--inspect-brk millrace replay RUN --local --jobs src/jobs --patience 1h`;

export function replayCommand(cli: Cli): Command {
  return new Command("replay")
    .description("run a run's handler on this machine over what is on record, for a debugger")
    .argument("<run>", "its id")
    .requiredOption("--local", "on this machine: there is no other place for it")
    .addOption(jobsOption())
    .option(
      "--patience <duration>",
      "how long the handler may take to come to what is next on record, or to its end",
      durationOption,
      30_000,
    )
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(cli.action((id: string, options: Options) => replay(cli, id, options)));
}

interface Options {
  jobs?: string[];
  patience: number;
  json?: boolean;
}

async function replay(cli: Cli, id: string, { jobs, patience, json }: Options): Promise<number> {
  const record = await apiClient(cli).get(`runs/${segment(id)}/record`, RunRecord, {
    stored: "true",
  });
  const { loadAllJobs } = await import("../serve/load-all-jobs.ts");
  hostHandlers(cli);
  const loaded = await loadAllJobs(cli, cli.settings(), jobs);
  const job = loaded.jobs.find(({ name }) => name === record.job);
  if (!job) {
    throw new MillraceError(
      "unknown_job",
      `the run is of job ${record.job}, which the code here does not define; name its file with --jobs`,
    );
  }
  const { replayed, recorded, missed, ...ended } = await replayJob(job, replayedRun(record), {
    log: logTo(cli),
    patienceMs: patience,
  });
  const count = { replayed, recorded, missed };
  if (json) cli.out.line(harmlessJson({ v: 1, run: id, ...count, ...plain(ended) }));
  else {
    const without = missed.length > 0 ? `; not ${missed.map(harmless).join(", ")}` : "";
    cli.out.line(`${replayed} of ${recorded} steps on record replayed${without}.`);
    tell(cli, ended, record, patience);
  }
  return ended.end === "threw" || ended.end === "diverged" ? EXIT.failed : EXIT.done;
}

/** What the handler logs, on stderr. */
function logTo(cli: Cli): RunLog {
  const write = (level: string) => (message: string, fields?: object) => {
    const more = fields === undefined ? "" : ` ${harmlessJson(fields)}`;
    cli.err.line(`${level} ${harmless(message)}${more}`);
  };
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

function plain(ended: ReplayEnd): object {
  return ended.end === "threw" ? { end: ended.end, error: toFailure(ended.error) } : ended;
}

function tell(cli: Cli, ended: ReplayEnd, { state }: RunRecord, patienceMs: number): void {
  switch (ended.end) {
    case "returned":
      cli.out.line(
        `✓ The handler returned${state === "completed" ? "" : `; the run is ${state}`}:`,
      );
      cli.out.line(harmlessPrettyJson(ended.value ?? null));
      break;
    case "threw": {
      const { class: name, message, stack } = toFailure(ended.error);
      cli.out.line(
        `✕ The handler threw ${harmlessLines(stack ?? `${name}: ${message}`).join("\n")}`,
      );
      break;
    }
    case "record ends":
      cli.out.line(`⧗ The record ends here: ${harmless(ended.next)} would begin.`);
      break;
    case "waits":
      cli.out.line(`⧗ It waits here: ${harmless(ended.next)}.`);
      break;
    case "busy":
      cli.out.line(
        `⧗ The record ends here: the handler has done something else for ${formatDuration(patienceMs)} (--patience).`,
      );
      break;
    case "diverged":
      cli.out.line(`✕ The code has changed: ${harmless(ended.message)}`);
  }
}

import { MAX_OPEN_RUNS } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import type { JobCheck, Trouble } from "../deploy/check-job.ts";
import { EXIT } from "../exit-codes.ts";
import { hostHandlers } from "../host-handlers.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { count } from "../output/words.ts";
import { durationOption, jobsOption, jsonOption, wholeNumber } from "./options.ts";

const HELP = `
Asks the server for the open runs of its jobs, and what the code here would make of them: whether it takes their inputs, and, with --replay,
whether it comes to what they have on record. A replay runs handlers on this machine: no step or effect begins, but what a handler does
outside of its steps, it does. Without --replay the names of steps are compared.

Exit code 1 when there is anything to mend.`;

export function deployCheckCommand(cli: Cli): Command {
  return new Command("check")
    .description("tell what new code would make of the runs that are under way")
    .addOption(jobsOption())
    .option("--replay", "run handlers here over what runs have on record")
    .option(
      "--limit <n>",
      "how many runs of each job and place to look at",
      wholeNumber(1, MAX_OPEN_RUNS),
      MAX_OPEN_RUNS,
    )
    .option(
      "--patience <duration>",
      "with --replay: how long a handler may take to come to what is next on record",
      durationOption,
      5000,
    )
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(cli.action((options: Options) => check(cli, options)));
}

interface Options {
  jobs?: string[];
  replay?: boolean;
  limit: number;
  patience: number;
  json?: boolean;
}

async function check(cli: Cli, { jobs, replay, limit, patience, json }: Options): Promise<number> {
  const [{ loadAllJobs }, { checkBuild }] = await Promise.all([
    import("../serve/load-all-jobs.ts"),
    import("../deploy/check-build.ts"),
  ]);
  hostHandlers(cli);
  const { jobs: loaded } = await loadAllJobs(cli, cli.settings(), jobs);
  const checks = checkBuild(apiClient(cli), loaded, {
    limit,
    patienceMs: replay ? patience : undefined,
  });
  let troubles = 0;
  for await (const found of checks) {
    troubles += found.troubles.length;
    if (json) cli.out.line(harmlessJson({ v: 1, ...found }));
    else tell(cli, found);
  }
  if (troubles === 0 && !json) cli.out.line("Nothing is in the way.");
  return troubles === 0 ? EXIT.done : EXIT.failed;
}

function tell(cli: Cli, { job, runs, more, troubles }: JobCheck): void {
  const looked = `${count(runs, "open run")}${more ? " or more" : ""}`;
  const mark = troubles.length === 0 ? cli.out.style("green", "✓") : cli.out.style("red", "✕");
  cli.out.line(`${mark} ${harmless(job)}: ${looked}`);
  for (const trouble of troubles) tellTrouble(cli, trouble);
}

function tellTrouble(cli: Cli, { runs, what, examples, offers }: Trouble): void {
  cli.out.line(`    ${count(runs, "run")}: ${harmless(what)}`);
  for (const example of examples) cli.out.line(`      ${harmless(example)}`);
  for (const offer of offers) cli.out.line(`      → ${harmless(offer)}`);
}

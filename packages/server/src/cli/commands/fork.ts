import { ForkedRun } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { count } from "../output/words.ts";
import { parseJson } from "../read-input.ts";
import { jsonOption, wholeNumber } from "./options.ts";

const HELP = `
What the run has on record before that step is taken over: steps are not run again, effects have happened. The old run stays as it is.`;

export function forkCommand(cli: Cli): Command {
  return new Command("fork")
    .description("run a run again from one of its steps, perhaps with another input")
    .argument("<run>", "its id")
    .requiredOption("--from <step>", "the name of the first step that is run again")
    .option("--ordinal <n>", "which use of the name, from 1", wholeNumber(1, 25_000), 1)
    .option("-i, --input <json>", "instead of the old run's input")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(cli.action((id: string, options: Options) => fork(cli, id, options)));
}

interface Options {
  from: string;
  ordinal: number;
  input?: string;
  json?: boolean;
}

async function fork(cli: Cli, id: string, options: Options): Promise<number> {
  const { from: step, ordinal, json } = options;
  const input = options.input === undefined ? {} : { input: parseJson(options.input, "--input") };
  const forked = await apiClient(cli).post(
    `runs/${segment(id)}/fork`,
    { step, ordinal, ...input },
    ForkedRun,
  );
  if (json) cli.out.line(harmlessJson({ v: 1, of: id, ...forked }));
  else {
    const known = `${count(forked.steps, "step")} on record`;
    cli.out.line(
      `${harmless(id)} runs again from ${harmless(step)} as ${forked.id}, with ${known}`,
    );
  }
  return EXIT.done;
}

import { AnsweredApproval } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { jsonOption, wholeNumber } from "./options.ts";

export function approveCommand(cli: Cli): Command {
  return answerCommand(cli, "approve", true);
}

export function rejectCommand(cli: Cli): Command {
  return answerCommand(cli, "reject", false);
}

function answerCommand(cli: Cli, word: "approve" | "reject", approved: boolean): Command {
  return new Command(word)
    .description(`${word} what a run asks for`)
    .argument("<run>", "its id")
    .argument("[approval]", "its name; may be left out when the run asks for one")
    .option("--ordinal <n>", "which use of the name, from 1", wholeNumber(1, 25_000))
    .option("--note <text>", "why; the run gets it, too")
    .addOption(jsonOption())
    .addHelpText("after", "\nmillrace approvals lists what is asked for. One answer counts.")
    .action(
      cli.action((run: string, name: string | undefined, options: Options) =>
        answer(cli, run, name, approved, options),
      ),
    );
}

interface Options {
  ordinal?: number;
  note?: string;
  json?: boolean;
}

async function answer(
  cli: Cli,
  run: string,
  name: string | undefined,
  approved: boolean,
  { ordinal, note, json }: Options,
): Promise<number> {
  const body = { name, ordinal, approved, note };
  const path = `runs/${segment(run)}/approvals`;
  const answered = await apiClient(cli).post(path, body, AnsweredApproval);
  if (json) cli.out.line(harmlessJson({ v: 1, run, ...answered }));
  else {
    const what = approved ? "is approved" : "is rejected";
    cli.out.line(`✓ ${harmless(answered.name)} ${what}; the run goes on`);
  }
  return EXIT.done;
}

import { type Json, MillraceError } from "@millrace/core";
import { ResolvedDoubt } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { parseJson } from "../read-input.ts";
import { jsonOption, wholeNumber } from "./options.ts";

const HELP = `
Find out first, for example by asking the other side for what it has under the effect's idempotency key. With --happened the
run goes on with the value; with --did-not-happen the effect is done again.`;

export function doubtsResolveCommand(cli: Cli): Command {
  return new Command("resolve")
    .description("say whether an effect of a run happened")
    .argument("<run>", "its id")
    .argument("[effect]", "its name; may be left out when the run has one in doubt")
    .option("--ordinal <n>", "which use of the name, from 1", wholeNumber(1, 25_000))
    .option("--happened", "it did")
    .option("--value <json>", "with --happened: what it gives")
    .option("--did-not-happen", "it did not")
    .option("--note <text>", "how you know, for the record")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(
      cli.action((run: string, effect: string | undefined, options: Options) =>
        resolve(cli, run, effect, options),
      ),
    );
}

interface Options {
  ordinal?: number;
  happened?: boolean;
  value?: string;
  didNotHappen?: boolean;
  note?: string;
  json?: boolean;
}

async function resolve(
  cli: Cli,
  run: string,
  name: string | undefined,
  options: Options,
): Promise<number> {
  const { ordinal, note, json } = options;
  const body = { name, ordinal, note, ...answerOf(options) };
  const path = `runs/${segment(run)}/doubts`;
  const resolved = await apiClient(cli).post(path, body, ResolvedDoubt);
  if (json) cli.out.line(harmlessJson({ v: 1, run, ...resolved }));
  else {
    const what = resolved.happened ? "happened" : "did not happen, and is done again";
    cli.out.line(`✓ ${harmless(resolved.name)} ${what}; the run goes on`);
  }
  return EXIT.done;
}

/** @throws MillraceError `invalid_usage` */
function answerOf({ happened, didNotHappen, value }: Options): { happened: boolean; value?: Json } {
  if (Boolean(happened) === Boolean(didNotHappen)) {
    throw new MillraceError(
      "invalid_usage",
      "say one of --happened and --did-not-happen: nobody else knows",
    );
  }
  if (value === undefined) return { happened: Boolean(happened) };
  if (happened) return { happened, value: parseJson(value, "--value") };
  throw new MillraceError("invalid_usage", "--value goes with --happened alone");
}

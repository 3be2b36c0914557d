import { MillraceError } from "@millrace/core";
import { AlertSilenceInfo, AlertSilenceList } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { type Column, printTable } from "../output/table.ts";
import { localTime } from "../output/words.ts";
import { jsonOption } from "./options.ts";
import { type PauseOptions, addPauseOptions, pauseBody } from "./pause-options.ts";

interface Options {
  json?: boolean;
}

interface SilenceOptions extends Options, PauseOptions {
  about?: string;
  all?: boolean;
  project?: string;
}

const COLUMNS: Column<AlertSilenceInfo>[] = [
  { title: "SILENCE", text: ({ id }) => id },
  { title: "RULE", text: ({ rule }) => rule ?? "any" },
  { title: "ABOUT", text: ({ subject }) => subject ?? "anything" },
  { title: "UNTIL", text: ({ until }) => localTime(until) },
  { title: "BY", text: ({ createdBy }) => createdBy },
  { title: "WHY", text: ({ reason }) => reason },
];

export function silenceCommand(cli: Cli): Command {
  return addPauseOptions(new Command("silence"))
    .description("tell nobody of some alerts for a while; without a rule, list the silences")
    .helpCommand(false)
    .argument("[rule]", "of which nobody is told")
    .option("--all", "of all rules, instead of one")
    .option("--about <name>", "of one queue, job, host or schedule alone")
    .option("--project <name>", "of the alerts of one project alone")
    .addOption(jsonOption())
    .action(
      cli.action((rule: string | undefined, options: SilenceOptions) =>
        rule === undefined && !options.all && options.about === undefined
          ? list(cli, options)
          : silence(cli, rule, options),
      ),
    )
    .addCommand(endCommand(cli));
}

async function list(cli: Cli, { json }: Options): Promise<number> {
  const { silences } = await apiClient(cli).get("alert-silences", AlertSilenceList);
  if (json) for (const one of silences) cli.out.line(harmlessJson({ v: 1, ...one }));
  else if (silences.length === 0) cli.err.line("No silences.");
  else printTable(cli.out, COLUMNS, silences);
  return EXIT.done;
}

async function silence(
  cli: Cli,
  rule: string | undefined,
  options: SilenceOptions,
): Promise<number> {
  const { about: subject, all, project, json } = options;
  if (rule !== undefined && all) {
    throw new MillraceError("invalid_usage", "name a rule, or say --all, not both");
  }
  if (options.for === undefined && options.until === undefined) {
    throw new MillraceError("invalid_usage", "say for how long: --for 2h, or --until an instant");
  }
  const body = { rule, subject, project, ...pauseBody(options) };
  const made = await apiClient(cli).post("alert-silences", body, AlertSilenceInfo);
  if (json) cli.out.line(harmlessJson({ v: 1, ...made }));
  else cli.out.line(`✓ Nobody is told of ${words(made)} until ${localTime(made.until)}`);
  return EXIT.done;
}

function endCommand(cli: Cli): Command {
  return new Command("end")
    .description("end a silence")
    .argument("<silence>", "its id, as the list has it")
    .addOption(jsonOption())
    .action(
      cli.action(async (id: string, { json }: Options) => {
        const path = `alert-silences/${segment(id)}`;
        const ended = await apiClient(cli).delete(path, AlertSilenceInfo);
        if (json) cli.out.line(harmlessJson({ v: 1, ...ended }));
        else cli.out.line(`✓ The silence of ${words(ended)} is over`);
        return EXIT.done;
      }),
    );
}

function words({ rule, subject }: AlertSilenceInfo): string {
  const about = subject === null ? "" : ` about ${harmless(subject)}`;
  return `${rule === null ? "any alert" : harmless(rule)}${about}`;
}

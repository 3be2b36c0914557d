import {
  ALERT_KIND_NAMES,
  type AlertUnit,
  MillraceError,
  SEVERITIES,
  alertAmount,
  formatDuration,
} from "@millrace/core";
import { AlertRuleInfo, AlertRuleList } from "@millrace/core/api";
import { Argument, Command, Option } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { type Column, printTable } from "../output/table.ts";
import { jsonOption, numberOption, onOption, offOption, switched } from "./options.ts";

interface Options {
  json?: boolean;
}

interface SetOptions extends Options {
  kind?: string;
  about?: string;
  aboutAll?: boolean;
  threshold?: number;
  for?: string;
  window?: string;
  severity?: string;
  project?: string;
  on?: boolean;
  off?: boolean;
}

const COLUMNS: Column<AlertRuleInfo>[] = [
  { title: "RULE", text: ({ name }) => name },
  { title: "KIND", text: ({ kind }) => kind },
  {
    title: "ABOUT",
    text: ({ about, subject, subjectMissing }) =>
      subjectMissing ? `${subject} (no such ${about})` : (subject ?? `each ${about}`),
  },
  {
    title: "FIRES",
    text: ({ unit, threshold, below }) =>
      `${below ? "below" : "above"} ${alertAmount(unit as AlertUnit, threshold)}`,
  },
  { title: "FOR", text: ({ forMs }) => (forMs === 0 ? "at once" : formatDuration(forMs)) },
  { title: "WITHIN", text: ({ windowMs }) => windowMs && formatDuration(windowMs) },
  { title: "SEVERITY", text: ({ severity }) => severity },
  {
    title: "STATE",
    text: ({ enabled, changed }) => `${enabled ? "on" : "off"}${changed ? ", changed" : ""}`,
    style: ({ enabled }) => (enabled ? undefined : "gray"),
  },
];

/** What a rule is asked to be by; without any nothing would be set. */
const ASKS = [
  ...["--kind", "--about", "--about-all", "--threshold", "--for", "--window", "--severity"],
  ...["--project", "--on", "--off"],
];

/** What is said of a rule that was made or changed. */
const SET = "is set";

export function rulesCommand(cli: Cli): Command {
  return listOptions(new Command("rules"), cli)
    .description("list the rules by which alerts fire")
    .helpCommand(false)
    .addCommand(listOptions(new Command("list"), cli).description("the same"))
    .addCommand(setCommand(cli))
    .addCommand(removeCommand(cli));
}

function listOptions(command: Command, cli: Cli): Command {
  return command.addOption(jsonOption()).action(
    cli.action(async ({ json }: Options) => {
      const { rules } = await apiClient(cli).get("alert-rules", AlertRuleList);
      if (json) for (const rule of rules) cli.out.line(harmlessJson({ v: 1, ...rule }));
      else if (rules.length === 0) cli.err.line("No rules.");
      else printTable(cli.out, COLUMNS, rules);
      return EXIT.done;
    }),
  );
}

function setCommand(cli: Cli): Command {
  return new Command("set")
    .description("make a rule, or change one; what is left out stays as it was")
    .addArgument(nameArgument())
    .addOption(
      new Option("--kind <kind>", "what it looks at; needed when it is made").choices(
        ALERT_KIND_NAMES,
      ),
    )
    .option("--about <name>", "one queue, job, host or schedule alone")
    .addOption(new Option("--about-all", "all of them (the default)").conflicts("about"))
    .option(
      "--threshold <n>",
      "when it fires, in runs, seconds, times, transactions, or as a share such as 0.2",
      numberOption(0, 1e12),
    )
    .option("--for <duration>", "how long it must be so, such as 5m, or 0s")
    .option("--window <duration>", "how far back it looks, 1m to 1h")
    .addOption(new Option("--severity <severity>", "how much it matters").choices(SEVERITIES))
    .option("--project <name>", "of which alone it is to be, when it is made")
    .addOption(onOption())
    .addOption(offOption("what it fires about is over"))
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, options: SetOptions) => {
        const { kind, about, aboutAll, threshold, window, severity, project } = options;
        const body = {
          ...{ kind, threshold, for: options.for, window, severity, project },
          subject: aboutAll ? null : about,
          enabled: switched(options),
        };
        if (Object.values(body).every((value) => value === undefined)) {
          throw new MillraceError(
            "invalid_usage",
            `say what ${harmless(name)} is to be: ${ASKS.join(", ")}`,
          );
        }
        const path = `alert-rules/${segment(name)}`;
        tell(cli, await apiClient(cli).put(path, body, AlertRuleInfo), SET, options);
        return EXIT.done;
      }),
    );
}

function removeCommand(cli: Cli): Command {
  return new Command("rm")
    .description("remove a rule; one that was there from the beginning is as it was then")
    .addArgument(nameArgument())
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, options: Options) => {
        const rule = await apiClient(cli).delete(`alert-rules/${segment(name)}`, AlertRuleInfo);
        tell(cli, rule, rule.builtIn ? "is as it was in the beginning" : "is removed", options);
        return EXIT.done;
      }),
    );
}

function nameArgument(): Argument {
  return new Argument("<name>", "such as dead-letters, or one of your own");
}

function tell(cli: Cli, rule: AlertRuleInfo, what: string, { json }: Options): void {
  if (json) cli.out.line(harmlessJson({ v: 1, ...rule }));
  else cli.out.line(`✓ ${harmless(rule.name)} ${what}${rule.enabled ? "" : ", and off"}`);
  if (!rule.subjectMissing || what !== SET) return;
  cli.err.line(
    `! No ${rule.about} is called ${harmless(rule.subject!)} yet: the rule tells nothing until one is. Have all looked at again: millrace alerts rules set ${harmless(rule.name)} --about-all`,
  );
}

import { MillraceError, SEVERITIES } from "@millrace/core";
import {
  AlertTargetInfo,
  AlertTargetList,
  NotificationInfo,
  NotificationPage,
} from "@millrace/core/api";
import { Argument, Command, Option } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { printPage } from "../output/page.ts";
import { type Column, printTable } from "../output/table.ts";
import { readSecret } from "../read-secret.ts";
import { tellTried, tried } from "../tried.ts";
import {
  jsonOption,
  severalOption,
  onOption,
  offOption,
  switched,
  wholeNumber,
} from "./options.ts";

/** An attempt may take 15 s, or three times that by mail, and a second goes by until it begins. */
const WAIT_MS = 50_000;

interface Options {
  json?: boolean;
}

interface SetOptions extends Options {
  url?: string;
  user?: string;
  from?: string;
  to?: string[];
  severity?: string;
  project?: string;
  on?: boolean;
  off?: boolean;
  keepCredential?: boolean;
  fromFile?: string;
}

interface LogOptions extends Options {
  limit: number;
  cursor?: string;
}

const COLUMNS: Column<AlertTargetInfo>[] = [
  { title: "TARGET", text: ({ name }) => name },
  { title: "KIND", text: ({ kind }) => kind },
  { title: "AT", text: ({ host, to }) => [host, ...(to ?? [])].filter(Boolean).join(" ") },
  { title: "OF", text: ({ project }) => (project === null ? "all" : `project ${project}`) },
  { title: "FROM", text: ({ leastSeverity }) => leastSeverity },
  {
    title: "STATE",
    text: ({ enabled }) => (enabled ? "on" : "off"),
    style: ({ enabled }) => (enabled ? undefined : "gray"),
  },
];

const NOTIFICATIONS: Column<NotificationInfo>[] = [
  { title: "AT", text: ({ at }) => at.slice(0, 19) },
  { title: "EVENT", text: ({ event }) => event },
  { title: "RULE", text: ({ rule }) => rule },
  { title: "OUTCOME", text: ({ outcome }) => outcome ?? "to be sent" },
  { title: "ATTEMPTS", text: ({ attempts }) => attempts, right: true },
  { title: "LAST ERROR", text: ({ error }) => error },
];

export function targetsCommand(cli: Cli): Command {
  return listOptions(new Command("targets"), cli)
    .description("list who is told of alerts, besides subscriptions of webhooks")
    .helpCommand(false)
    .addCommand(listOptions(new Command("list"), cli).description("the same"))
    .addCommand(slackCommand(cli))
    .addCommand(pagerDutyCommand(cli))
    .addCommand(emailCommand(cli))
    .addCommand(removeCommand(cli))
    .addCommand(logCommand(cli));
}

export function testCommand(cli: Cli): Command {
  return new Command("test")
    .description("tell a target that you try it, and say what came of it")
    .addArgument(nameArgument())
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, options: Options) => {
        const api = apiClient(cli);
        const path = `alert-targets/${segment(name)}`;
        const { id, lastAttemptAt } = await api.post(`${path}/test`, {}, NotificationInfo);
        const look = async () => {
          const all = { limit: 200 };
          const page = await api.get(`${path}/notifications`, NotificationPage, all);
          return page.notifications.find((one) => one.id === id)!;
        };
        const told = await tried(look, { lastAttemptAt, waitMs: WAIT_MS });
        return tellTried(cli, told, options);
      }),
    );
}

function listOptions(command: Command, cli: Cli): Command {
  return command.addOption(jsonOption()).action(
    cli.action(async ({ json }: Options) => {
      const { targets } = await apiClient(cli).get("alert-targets", AlertTargetList);
      if (json) for (const target of targets) cli.out.line(harmlessJson({ v: 1, ...target }));
      else if (targets.length === 0) cli.err.line("No targets. Alerts are listed all the same.");
      else printTable(cli.out, COLUMNS, targets);
      return EXIT.done;
    }),
  );
}

function slackCommand(cli: Cli): Command {
  return setCommand(cli, "slack", "the URL of the incoming webhook").description(
    "tell an incoming webhook of Slack, or of what takes the same",
  );
}

function pagerDutyCommand(cli: Cli): Command {
  return setCommand(cli, "pagerduty", "the integration's key")
    .description("trigger and resolve incidents of PagerDuty (Events API v2)")
    .option("--url <url>", "where events are sent, such as that of PagerDuty's EU region");
}

function emailCommand(cli: Cli): Command {
  return setCommand(cli, "email", "the password of --user")
    .description("send mails by SMTP")
    .option("--server <url>", "such as smtps://mail.example.com or smtp://mail.example.com:587")
    .option("--user <name>", "who logs in")
    .option("--from <address>", "the sender")
    .addOption(severalOption("--to <address>", "who gets it (repeatable)"));
}

function setCommand(cli: Cli, kind: AlertTargetInfo["kind"], credential: string): Command {
  return new Command(kind)
    .addArgument(nameArgument())
    .option("--from-file <file>", `the file that holds ${credential}, instead of stdin`)
    .option("--keep-credential", "leave it as it was, and read nothing")
    .addOption(
      new Option("--severity <severity>", "of what is less it is not told").choices(SEVERITIES),
    )
    .option("--project <name>", "of whose alerts alone it is to be told, when it is made")
    .addOption(onOption())
    .addOption(offOption("and drop what is to be sent"))
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, options: SetOptions & { server?: string }) => {
        const { url, server, user, from, to, severity, project, json } = options;
        const asks = !options.keepCredential && (kind !== "email" || user !== undefined);
        const given = asks ? await readCredential(cli, kind, credential, options) : undefined;
        const body = {
          ...{ kind, url, server, user, from, to, leastSeverity: severity, project },
          credential: given,
          enabled: switched(options),
        };
        const path = `alert-targets/${segment(name)}`;
        const target = await apiClient(cli).put(path, body, AlertTargetInfo);
        if (json) cli.out.line(harmlessJson({ v: 1, ...target }));
        else cli.out.line(`✓ ${harmless(name)} ${target.enabled ? "is told of alerts" : "is off"}`);
        return EXIT.done;
      }),
    );
}

/** @throws MillraceError `invalid_usage` for nothing: the server would say that it is too short, and not where it was to come from */
async function readCredential(
  cli: Cli,
  kind: AlertTargetInfo["kind"],
  credential: string,
  { fromFile }: SetOptions,
): Promise<string> {
  const example = `millrace alerts targets ${kind} NAME < FILE`;
  const given = await readSecret(fromFile, cli.cwd, cli.stdin, example);
  if (given.trim() !== "") return given.replace(/\r?\n$/, "");
  throw new MillraceError(
    "invalid_usage",
    fromFile === undefined
      ? `nothing came on stdin: give ${credential} there, for example: ${example}`
      : `--from-file ${fromFile} is empty: write ${credential} into it`,
  );
}

function removeCommand(cli: Cli): Command {
  return new Command("rm")
    .description("remove a target, with its credential and its log")
    .addArgument(nameArgument())
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, { json }: Options) => {
        const path = `alert-targets/${segment(name)}`;
        const target = await apiClient(cli).delete(path, AlertTargetInfo);
        if (json) cli.out.line(harmlessJson({ v: 1, ...target }));
        else cli.out.line(`✓ ${harmless(name)} is removed`);
        return EXIT.done;
      }),
    );
}

function logCommand(cli: Cli): Command {
  return new Command("log")
    .description("list what a target was told, newest first")
    .addArgument(nameArgument())
    .option("--limit <n>", "how many, 1 to 200", wholeNumber(1, 200), 50)
    .option("--cursor <cursor>", "go on where the last page ended")
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, { limit, cursor, json }: LogOptions) => {
        const path = `alert-targets/${segment(name)}/notifications`;
        const page = await apiClient(cli).get(path, NotificationPage, { limit, cursor });
        const rows = { rows: page.notifications, nextCursor: page.nextCursor };
        return printPage(cli, rows, { json, none: "Nothing yet.", columns: NOTIFICATIONS });
      }),
    );
}

function nameArgument(): Argument {
  return new Argument("<target>", "what it is called");
}

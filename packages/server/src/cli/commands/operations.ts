import {
  ENDED_OPERATION_STATES,
  Operation,
  OperationMembers,
  OperationPage,
} from "@millrace/core/api";
import { Command, Option } from "commander";
import { type ApiClient, apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import {
  operationLine,
  operationState,
  operationStyle,
  progressOf,
} from "../output/operation-line.ts";
import { printPage } from "../output/page.ts";
import { type Column, printTable } from "../output/table.ts";
import { age, localTime } from "../output/words.ts";
import { forEachOf } from "../several.ts";
import { waitForOperation } from "../wait-for-operation.ts";
import { jsonOption, numberOption, wholeNumber } from "./options.ts";

const STATES = ["running", "paused", "completed", "stopped", "cancelled"];

export function operationsCommand(cli: Cli): Command {
  return new Command("operations")
    .description("list operations: what is done to many dead letters at once")
    .addOption(new Option("--state <state>", "in this state only").choices(STATES))
    .option("--limit <n>", "how many, 1 to 200", wholeNumber(1, 200), 20)
    .option("--cursor <cursor>", "go on where the last page ended")
    .addOption(jsonOption())
    .helpCommand(false)
    .action(cli.action((options: ListOptions) => list(cli, options)))
    .addCommand(showCommand(cli))
    .addCommand(steerCommand(cli, "pause", "hold operations; reruns that were made go on"))
    .addCommand(rateCommand(cli))
    .addCommand(steerCommand(cli, "resume", "go on where they were"))
    .addCommand(steerCommand(cli, "cancel", "end operations; what they have done stays done"));
}

interface ListOptions {
  state?: string;
  limit: number;
  cursor?: string;
  json?: boolean;
}

async function list(cli: Cli, { json, ...query }: ListOptions): Promise<number> {
  const page = await apiClient(cli).get("operations", OperationPage, { ...query });
  return printPage(
    cli,
    { rows: page.operations, nextCursor: page.nextCursor },
    { json, none: "No operations.", columns: columns(Date.now()) },
  );
}

function columns(now: number): Column<Operation>[] {
  return [
    { title: "ID", text: (operation) => operation.id, right: true },
    { title: "KIND", text: ({ kind, canary }) => `${kind}${canary ? ", canary" : ""}` },
    { title: "STATE", text: operationState, style: operationStyle },
    { title: "PROGRESS", text: progressOf },
    { title: "AGE", text: (operation) => age(operation.createdAt, now), right: true },
    { title: "ABOUT", text: aboutOf },
    { title: "WHY", text: (operation) => operation.reason ?? "" },
  ];
}

function aboutOf({ filter }: Operation): string {
  const parts = Object.entries(filter).map(([name, value]) => `${name}=${value}`);
  return parts.join(" ") || "all";
}

function showCommand(cli: Cli): Command {
  return new Command("show")
    .description("show one, and its dead letters by what became of them")
    .argument("<id>", "its number", wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option("-w, --wait", "wait for its end, and show its progress")
    .addOption(
      new Option("--outcome <outcome>", "list its dead letters that were so").choices([
        "done",
        "skipped",
        "refused",
      ]),
    )
    .addOption(
      new Option("--ended <state>", "list those whose rerun ended so").choices([
        "completed",
        "failed",
        "cancelled",
      ]),
    )
    .addOption(jsonOption())
    .action(cli.action((id: number, options: ShowOptions) => show(cli, id, options)));
}

function rateCommand(cli: Cli): Command {
  return new Command("rate")
    .description("have one go faster, or slower, from now on")
    .argument("<id>", "its number", wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .argument("<per-second>", "how many a second at the most", numberOption(0.01, 1000))
    .addOption(jsonOption())
    .action(
      cli.action(async (id: number, ratePerSecond: number, { json }: { json?: boolean }) => {
        const body = { ratePerSecond };
        const operation = await apiClient(cli).patch(`operations/${id}`, body, Operation);
        if (json) cli.out.line(harmlessJson({ v: 1, ...operation }));
        else cli.out.line(`✓ operation ${id} handles ${ratePerSecond} a second at the most`);
        return EXIT.done;
      }),
    );
}

interface ShowOptions {
  wait?: boolean;
  outcome?: string;
  ended?: string;
  json?: boolean;
}

async function show(cli: Cli, id: number, options: ShowOptions): Promise<number> {
  const api = apiClient(cli);
  const { wait, json, outcome, ended } = options;
  if (wait) return waitForOperation(cli, api, id, json ? { json } : {});
  const operation = await api.get(`operations/${id}`, Operation);
  if (json) cli.out.line(harmlessJson({ v: 1, ...operation }));
  else print(cli, operation);
  if (outcome !== undefined || ended !== undefined) await members(cli, api, id, options);
  return EXIT.done;
}

function print(cli: Cli, operation: Operation): void {
  cli.out.line(operationLine(cli.out, operation));
  const { kind, canary, ratePerSecond, patch, note, createdBy, createdAt, finishedAt } = operation;
  const pace = ratePerSecond === null ? "" : `, ${ratePerSecond} a second`;
  const facts: [string, string | null][] = [
    ["what", `${kind}${canary ? ", canary first" : ""}${pace}`],
    ["about", aboutOf(operation)],
    ["patch", patch && harmlessJson(patch)],
    ["note", note],
    ["begun", `${localTime(createdAt)} by ${createdBy}`],
    ["ended", finishedAt && localTime(finishedAt)],
  ];
  for (const [label, text] of facts) {
    if (text) cli.out.line(`  ${cli.out.style("gray", label.padEnd(6))} ${harmless(text)}`);
  }
  if (ENDED_OPERATION_STATES.includes(operation.state)) return;
  cli.err.line(`  it goes on: millrace operations show ${operation.id} --wait`);
}

async function members(
  cli: Cli,
  api: ApiClient,
  id: number,
  { outcome, ended, json }: ShowOptions,
): Promise<void> {
  const rows: OperationMembers["members"] = [];
  for (let after: number | null = 0; after !== null;) {
    const page: OperationMembers = await api.get(`operations/${id}/members`, OperationMembers, {
      outcome,
      ended,
      after,
      limit: 200,
    });
    if (json) for (const member of page.members) cli.out.line(harmlessJson({ v: 1, ...member }));
    else rows.push(...page.members);
    after = page.next;
  }
  if (json || rows.length === 0) return;
  cli.out.line();
  printTable(
    cli.out,
    [
      { title: "RUN", text: (member) => member.runId },
      { title: "OUTCOME", text: (member) => member.outcome },
      { title: "RERUN", text: (member) => member.rerun },
      { title: "ENDED", text: (member) => member.ended },
      { title: "WHY", text: (member) => member.detail ?? "" },
    ],
    rows,
  );
}

function steerCommand(cli: Cli, verb: "pause" | "resume" | "cancel", description: string): Command {
  return new Command(verb)
    .description(description)
    .argument("<id...>", "their numbers")
    .addOption(jsonOption())
    .action(
      cli.action((ids: string[], options: { json?: boolean }) => {
        const api = apiClient(cli);
        return forEachOf(cli, ids, options, async (id) => {
          const operation = await api.post(`operations/${segment(id)}/${verb}`, {}, Operation);
          if (options.json) cli.out.line(harmlessJson({ v: 1, ...operation }));
          else cli.out.line(operationLine(cli.out, operation));
        });
      }),
    );
}

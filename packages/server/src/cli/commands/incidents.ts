import { parseQuery } from "@millrace/core";
import { Incident, type IncidentInfo, IncidentNote, IncidentPage } from "@millrace/core/api";
import { Command } from "commander";
import { z } from "zod";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson, harmlessLines } from "../output/harmless.ts";
import { printPage } from "../output/page.ts";
import { type Column, printTable } from "../output/table.ts";
import { age, count, localTime, stateStyle, stateText } from "../output/words.ts";
import { jsonOption, severalOption, sinceOption, wholeNumber } from "./options.ts";

const WHEN = "30m, 1h, 2d ago, or an instant such as 2026-01-31T08:00Z";

const HELP = `
An incident keeps what was seen of a time as it was then: how runs ended, what they failed with, the runs that you name, and
what people wrote to it. It has no inputs and outputs. In the browser it is at /i/ and its name.`;

interface ListOptions {
  limit: number;
  cursor?: string;
  json?: boolean;
}

interface NewOptions {
  query?: string;
  from?: string;
  to?: string;
  at?: string;
  run?: string[];
  error?: string;
  note?: string;
  json?: boolean;
}

interface ShowOptions {
  markdown?: boolean;
  json?: boolean;
}

export function incidentsCommand(cli: Cli): Command {
  return new Command("incidents")
    .description("list what was kept of times in which something went wrong")
    .option("--limit <n>", "how many, 1 to 200", wholeNumber(1, 200), 20)
    .option("--cursor <cursor>", "go on where the last page ended")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .helpCommand(false)
    .action(cli.action((options: ListOptions) => list(cli, options)))
    .addCommand(showCommand(cli))
    .addCommand(newCommand(cli))
    .addCommand(noteCommand(cli))
    .addCommand(removeCommand(cli));
}

async function list(cli: Cli, { limit, cursor, json }: ListOptions): Promise<number> {
  const page = await apiClient(cli).get("incidents", IncidentPage, { limit, cursor });
  return printPage(
    cli,
    { rows: page.incidents, nextCursor: page.nextCursor },
    { json, none: "No incidents.", columns: columns(Date.now()) },
  );
}

function columns(now: number): Column<IncidentInfo>[] {
  return [
    { title: "INCIDENT", text: ({ slug }) => slug },
    { title: "TITLE", text: ({ title }) => title, flexible: true },
    { title: "FROM", text: ({ from }) => localTime(from) },
    { title: "TO", text: ({ to }) => localTime(to) },
    { title: "BY", text: ({ by }) => by },
    { title: "NOTES", text: ({ notes }) => notes, right: true },
    { title: "AGE", text: ({ createdAt }) => age(createdAt, now), right: true },
  ];
}

function showCommand(cli: Cli): Command {
  return new Command("show")
    .description("show one")
    .argument("<incident>", "its name, as the list has it")
    .option("--markdown", "all of it, as Markdown")
    .addOption(jsonOption().conflicts("markdown"))
    .action(
      cli.action(async (slug: string, { markdown, json }: ShowOptions) => {
        const path = `incidents/${segment(slug)}`;
        const api = apiClient(cli);
        if (markdown) {
          const text = await api.text(`${path}/markdown`, "text/markdown");
          for (const line of harmlessLines(text.trimEnd())) cli.out.line(line);
          return EXIT.done;
        }
        const incident = await api.get(path, Incident);
        if (json) cli.out.line(harmlessJson({ v: 1, ...incident }));
        else print(cli, incident);
        return EXIT.done;
      }),
    );
}

function newCommand(cli: Cli): Command {
  return new Command("new")
    .description("keep what is seen now of a stretch of time")
    .argument("<title>", "what it is called")
    .option("--query <query>", "of the runs that this finds, as millrace runs takes it")
    .option("--from <when>", `when it began, ${WHEN}; 24 hours ago if not said`, sinceOption)
    .option("--to <when>", "when it ended; now if not said", sinceOption)
    .option("--at <when>", "with what is known of this minute", sinceOption)
    .addOption(severalOption("--run <run>", "a run that it is to show (repeatable, 100)"))
    .option("--error <fingerprint>", "the group of errors that it is about")
    .option("--note <text>", "what you know already")
    .addOption(jsonOption())
    .action(cli.action((title: string, options: NewOptions) => make(cli, title, options)));
}

async function make(cli: Cli, title: string, options: NewOptions): Promise<number> {
  const { query, from, to, at, run, error, note, json } = options;
  if (query !== undefined) parseQuery(query);
  const body = { title, query, from, to, at, runs: run, errorGroup: error, note };
  const made = await apiClient(cli).post("incidents", body, Incident);
  if (json) cli.out.line(harmlessJson({ v: 1, ...made }));
  else cli.out.line(`✓ ${made.slug} is kept: /i/${made.slug} in the browser`);
  return EXIT.done;
}

function noteCommand(cli: Cli): Command {
  return new Command("note")
    .description("write to one what you found; it stays as it is written")
    .argument("<incident>", "its name")
    .argument("<text>", "what you found")
    .addOption(jsonOption())
    .action(
      cli.action(async (slug: string, text: string, { json }: { json?: boolean }) => {
        const path = `incidents/${segment(slug)}/notes`;
        const note = await apiClient(cli).post(path, { text }, IncidentNote);
        if (json) cli.out.line(harmlessJson({ v: 1, ...note }));
        else cli.out.line(`✓ ${harmless(slug)} has your note`);
        return EXIT.done;
      }),
    );
}

function removeCommand(cli: Cli): Command {
  return new Command("rm")
    .description("remove one of yours; an admin, any")
    .argument("<incident>", "its name")
    .addOption(jsonOption())
    .action(
      cli.action(async (slug: string, { json }: { json?: boolean }) => {
        await apiClient(cli).delete(`incidents/${segment(slug)}`, z.undefined());
        if (json) cli.out.line(harmlessJson({ v: 1, slug, removed: true }));
        else cli.out.line(`✓ ${harmless(slug)} is removed`);
        return EXIT.done;
      }),
    );
}

function print(cli: Cli, { slug, title, query, from, to, by, createdAt, ...rest }: Incident): void {
  const { snapshot, notes } = rest;
  const { bars, errors, found, runs } = snapshot;
  const sum = (of: readonly number[]) => of.reduce((total, each) => total + each, 0);
  cli.out.line(`${harmless(title)}  ${cli.out.style("gray", slug)}`);
  const facts: [string, string | null][] = [
    ["time", `${localTime(from)} to ${localTime(to)}`],
    ["kept", `${localTime(createdAt)} by ${by}`],
    ["query", query],
    ["found", found && `${count(found.count, "run")}${found.more ? " or more" : ""}`],
    [
      "ended",
      `${sum(bars.completed)} completed, ${sum(bars.failed)} failed, ${sum(bars.cancelled)} cancelled`,
    ],
  ];
  for (const [label, text] of facts) {
    if (text !== null)
      cli.out.line(`  ${cli.out.style("gray", label.padEnd(6))} ${harmless(text)}`);
  }
  for (const { at, by: author, text } of notes) {
    const [first = "", ...more] = harmlessLines(text);
    cli.out.line(
      `  ${cli.out.style("gray", "note  ")} ${localTime(at)} ${harmless(author)}: ${first}`,
    );
    for (const line of more) cli.out.line(`         ${line}`);
  }
  if (errors && errors.length > 0) {
    cli.out.line();
    printTable(cli.out, ERRORS, errors);
  }
  if (runs.length > 0) {
    cli.out.line();
    printTable(cli.out, RUNS, runs);
  }
}

const ERRORS: Column<NonNullable<Incident["snapshot"]["errors"]>[number]>[] = [
  { title: "ERROR", text: ({ fingerprint }) => fingerprint },
  { title: "RUNS", text: (error) => error.count, right: true },
  { title: "JOBS", text: ({ jobs }) => jobs.join(", ") },
  {
    title: "MESSAGE",
    text: ({ errorClass, message }) => [errorClass, message].filter(Boolean).join(": "),
  },
];

const RUNS: Column<Incident["snapshot"]["runs"][number]>[] = [
  { title: "RUN", text: ({ id }) => id },
  { title: "JOB", text: ({ job }) => job },
  {
    title: "STATE",
    text: ({ state }) => stateText(state),
    style: ({ state }) => stateStyle(state),
  },
  { title: "TRY", text: ({ attempt }) => attempt, right: true },
  {
    title: "WHY",
    text: ({ errorClass, message, why }) =>
      errorClass === null ? why : [errorClass, message].filter(Boolean).join(": "),
  },
];

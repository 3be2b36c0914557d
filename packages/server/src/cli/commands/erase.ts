import { ErasedSubject } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmlessJson } from "../output/harmless.ts";
import { count } from "../output/words.ts";
import { readSecret } from "../read-secret.ts";
import { jsonOption } from "./options.ts";

interface Options {
  dryRun?: boolean;
  forget?: boolean;
  json?: boolean;
}

export function eraseCommand(cli: Cli): Command {
  return new Command("erase")
    .description("make what runs keep of a subject, such as a person, unreadable for good")
    .argument("<subject>", "its name, as inputs have it; - reads it from stdin")
    .option("--dry-run", "only say what it would do")
    .option("--forget", "let new runs of the subject come, under a new key")
    .addOption(jsonOption())
    .action(cli.action((subject: string, options: Options) => run(cli, subject, options)));
}

async function run(cli: Cli, given: string, { dryRun, forget, json }: Options): Promise<number> {
  const subject = given === "-" ? await nameFromStdin(cli) : given;
  const erased = await apiClient(cli).post(
    "subjects/erase",
    { subject, ...(dryRun && { dryRun }), ...(forget && { forget }) },
    ErasedSubject,
  );
  if (json) cli.out.line(harmlessJson({ v: 1, dryRun: dryRun === true, ...erased }));
  else cli.out.line(dryRun ? preview(erased) : done(erased, forget));
  return EXIT.done;
}

/** Where others may look at the commands that run. */
async function nameFromStdin(cli: Cli): Promise<string> {
  return (await readSecret(undefined, cli.cwd, cli.stdin)).replace(/\r?\n$/, "");
}

function preview({ id, erasedAt, runs, open }: ErasedSubject): string {
  if (erasedAt !== null) return `Subject ${id} is erased already, since ${erasedAt}`;
  const cancelled = open === 0 ? "" : `, and ${count(open, "open run")} cancelled`;
  return `What ${count(runs, "run")} of subject ${id} keep would be unreadable${cancelled}`;
}

function done({ id, runs, open }: ErasedSubject, forget: boolean | undefined): string {
  const cancelled = open === 0 ? "" : `, ${count(open, "open run")} cancelled`;
  const next = forget ? "new ones come under a new key" : "new ones are refused";
  return `✓ Subject ${id} is erased: ${count(runs, "run")}${cancelled}; ${next}`;
}

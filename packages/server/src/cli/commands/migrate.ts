import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmlessJson } from "../output/harmless.ts";
import { count } from "../output/words.ts";
import { jsonOption } from "./options.ts";

export function migrateCommand(cli: Cli): Command {
  return new Command("migrate")
    .description("bring the database's schema up to this version")
    .option("--dry-run", "only list what would be applied")
    .addOption(jsonOption())
    .action(cli.action((options: Options) => run(cli, options)));
}

interface Options {
  dryRun?: boolean;
  json?: boolean;
}

async function run(cli: Cli, { dryRun, json }: Options): Promise<number> {
  const { runMigrations } = await import("../serve/run-migrations.ts");
  const done = await runMigrations(cli, { dryRun: dryRun === true });
  const state = dryRun ? "pending" : "applied";
  for (const { version, name } of done) {
    if (json) cli.out.line(harmlessJson({ v: 1, version, name, state }));
    else cli.out.line(`${String(version).padStart(4, "0")} ${name}  ${state}`);
  }
  if (!json) {
    const end =
      done.length === 0
        ? "The schema is up to date."
        : `${count(done.length, "migration")} ${state}.`;
    cli.err.line(end);
  }
  return EXIT.done;
}

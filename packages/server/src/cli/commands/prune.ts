import { Command } from "commander";
import type { Pruned } from "../../maintenance/prune.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmlessJson } from "../output/harmless.ts";
import { bytes, count } from "../output/words.ts";
import { jsonOption } from "./options.ts";

export function pruneCommand(cli: Cli): Command {
  return new Command("prune")
    .description("take away history whose retention is over, as servers do by themselves")
    .option("--dry-run", "only say what would go, and what stays and why")
    .addOption(jsonOption())
    .action(cli.action((options: Options) => run(cli, options)));
}

interface Options {
  dryRun?: boolean;
  json?: boolean;
}

async function run(cli: Cli, { dryRun = false, json }: Options): Promise<number> {
  const { pruneHistory } = await import("../serve/prune-history.ts");
  const pruned = await pruneHistory(cli, { dryRun });
  if (!pruned) {
    cli.err.line("Another process is pruning at this moment; try again when it is done.");
    return EXIT.failed;
  }
  if (json) cli.out.line(harmlessJson({ v: 1, dryRun, ...pruned }));
  else tell(cli, pruned, dryRun);
  return pruned.postponed.length > 0 ? EXIT.partly : EXIT.done;
}

function tell(cli: Cli, pruned: Pruned, dryRun: boolean): void {
  const would = dryRun ? "would be " : "";
  for (const { name, bytes: size } of pruned.dropped) {
    cli.out.line(`${name}  ${would}dropped  ${bytes(size)}`);
  }
  for (const part of pruned.kept) {
    const reasons: [number, string][] = [
      [part.open, count(part.open, "open run")],
      [part.dead, count(part.dead, "unhandled dead letter")],
      [part.rerun, `${part.rerun} with a rerun that stays`],
      [part.young, `${part.young} not old enough`],
    ];
    const why = reasons.filter(([n]) => n > 0).map(([, words]) => words);
    cli.out.line(
      `${day(part.from_at)} to ${day(part.to_at)}  ${count(part.runs, "run")} kept: ${why.join(", ") || "waiting for the rest of their partition"}`,
    );
  }
  for (const { name, by } of pruned.postponed) {
    cli.warn(`${name} cannot go yet: the table is held by ${by}`);
  }
  const { runs, dropped, operations } = pruned;
  cli.err.line(
    dropped.length + runs + operations === 0
      ? "Nothing is old enough."
      : `${count(dropped.length, "partition")} ${would}dropped, ${count(runs, "run")} ${would}erased one by one, ${count(operations, "operation")} ${would}erased.`,
  );
}

function day(at: Date): string {
  return at.toISOString().slice(0, 10);
}

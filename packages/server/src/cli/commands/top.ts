import { Command } from "commander";
import { apiClient } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmlessJson } from "../output/harmless.ts";
import { StopSignals } from "../serve/stop-signals.ts";
import { frameOf } from "../top/frame.ts";
import { showLive } from "../top/live.ts";
import { SORTS } from "../top/sections.ts";
import { Snapshots } from "../top/snapshot.ts";
import { jsonOption } from "./options.ts";

interface Options {
  once?: boolean;
  json?: boolean;
}

export function topCommand(cli: Cli): Command {
  return new Command("top")
    .description("watch queues, workers, runs and errors, live; q quits, s sorts, p pauses")
    .option("--once", "print it once, as when nobody looks: not on a terminal")
    .addOption(jsonOption())
    .action(cli.action((options: Options) => run(cli, options)));
}

async function run(cli: Cli, { once, json }: Options): Promise<number> {
  const snapshots = new Snapshots(apiClient(cli));
  if (json) {
    const { at, ...rest } = await snapshots.take();
    cli.out.line(harmlessJson({ v: 1, at: new Date(at).toISOString(), ...rest }));
    return EXIT.done;
  }
  const { out, env, stdin } = cli;
  if (once || !out.isTty || stdin.isTTY !== true) {
    const view = { columns: out.columns, rows: undefined, env, sort: SORTS[0] };
    for (const line of frameOf(await snapshots.take(), view)) out.line(line);
    return EXIT.done;
  }
  const signals = new StopSignals(() => {});
  try {
    const { stopping } = signals;
    await showLive({ snapshots, input: stdin, output: cli.terminal, env, stopping });
  } finally {
    signals.close();
  }
  return signals.crashed ? EXIT.failed : EXIT.done;
}
